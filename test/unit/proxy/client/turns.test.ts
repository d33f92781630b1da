import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Turns, type TurnsOwner } from '../../../../src/proxy/client/turns.ts';
import { Request, type RequestOwner, WAITING } from '../../../../src/proxy/request/request.ts';
import { type Body, bodyOf, DELIMITER, envelopeOf, framesOf } from '../../../../src/transport/message.ts';
import { settingsOf } from '../../../support/route.ts';

/** A client whose requests are in progress until the test says `done`. */
class TestedClient implements TurnsOwner {
  readonly name = 'test';
  inFlightPerClient: number;
  readonly log: string[] = [];
  readonly started: Request[] = [];
  deadlineMs = 1_000;
  readonly turns = new Turns(
    {
      address: undefined,
      reply: () => 'taken',
      pause: () => this.log.push('pause'),
      resume: () => this.log.push('resume'),
    },
    this,
  );
  /** What a request in progress does when its deadline is moved forward. */
  hurried = (request: Request) => {
    this.log.push(`hurry ${nameOf(request)} to ${request.deadlineMs}`);
  };
  readonly #owner: RequestOwner = {
    settings: settingsOf({}),
    advance: (request) => this.hurried(request),
    waitForPlace: () => assert.fail(),
    sent: () => assert.fail(),
    resulted: () => assert.fail(),
    replyTooLarge: () => assert.fail(),
  };
  #done = 0;

  constructor(inFlightPerClient = 1) {
    this.inFlightPerClient = inFlightPerClient;
  }

  ask(name: string, deadlineMs = 1_000): void {
    this.deadlineMs = deadlineMs;
    this.turns.request(DELIMITER, bodyOf([Buffer.from(name)]));
  }

  /** The oldest request in progress is done. */
  done(): void {
    const request = this.started[this.#done++];
    assert.ok(request, 'a request is in progress');
    this.turns.done(request);
  }

  received(turns: Turns, envelope: Buffer, body: Body, bytes: number): Request {
    const policy = { ...settingsOf({}).requests.retry, deadlineMs: this.deadlineMs };
    const of = { number: 1, run: 'test.run', client: turns, arrivedMs: 0, policy };
    const arrival = { ...of, envelope, body, bytes, weight: bytes };
    return new Request(arrival, this.#owner);
  }

  malformed(): void {
    this.log.push('malformed');
  }

  begin(request: Request): void {
    request.state = WAITING;
    this.started.push(request);
    this.log.push(`start ${nameOf(request)}`);
  }

  left(): void {
    this.log.push('left');
  }
}

function nameOf({ body }: Request): string {
  return String(framesOf(body.chunks));
}

test('the requests of one client go one after the other', () => {
  const client = new TestedClient();
  client.ask('1');
  client.ask('2');
  assert.deepEqual(client.log, ['start 1']);
  client.done();
  assert.deepEqual(client.log, ['start 1', 'start 2']);
  assert.equal(client.turns.isIdle, false);
  client.done();
  assert.equal(client.turns.isIdle, true);
});

test('if the limit is lowered, requests in flight go on; if it is raised, waiting ones start', () => {
  const client = new TestedClient(3);
  for (let name = 0; name < 8; name++) client.ask(String(name));
  const started = () => client.started.length;
  assert.equal(started(), 3);
  client.inFlightPerClient = 1;
  client.done();
  client.done();
  assert.equal(started(), 3);
  client.done();
  assert.equal(started(), 4);
  client.inFlightPerClient = 3;
  client.turns.startNext();
  assert.equal(started(), 6);
  client.ask('8');
  assert.equal(started(), 6, 'it does not overtake those that wait');
});

test('a request does not overtake those that wait, although the limit was raised before their turn has come', () => {
  const client = new TestedClient();
  client.ask('1');
  client.ask('2');
  client.inFlightPerClient = 3;
  client.ask('3');
  client.done();
  assert.deepEqual(client.started.map(nameOf), ['1', '2', '3']);
});

test('a client that sends ahead is read a little further, and then not until it has fewer requests', () => {
  const client = new TestedClient();
  const { log } = client;
  let asked = 0;
  while (!log.includes('pause') && asked < 100) client.ask(String(asked++));
  assert.equal(asked, 1 + 16, 'those that may be in flight, and 16 more');
  assert.deepEqual(log, ['start 0', 'pause']);
  client.done();
  assert.deepEqual(log.slice(2), ['start 1', 'resume']);
  client.ask('more');
  assert.equal(log.at(-1), 'pause');
});

test('a client that waits for each reply is never paused', () => {
  const client = new TestedClient();
  for (let name = 0; name < 100; name++) {
    client.ask(String(name));
    client.done();
  }
  assert.equal(client.log.includes('pause'), false);
});

test('every request is started exactly once and in order, whatever the limit does', () => {
  const step = fc.oneof(
    fc.constant('ask' as const),
    fc.constant('done' as const),
    fc.integer({ min: 1, max: 4 }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const client = new TestedClient(2);
      let asked = 0;
      let done = 0;
      for (const what of steps) {
        if (what === 'ask') client.ask(String(asked++));
        else if (what === 'done') {
          if (client.started.length > done++) client.done();
          else done--;
        } else client.inFlightPerClient = what;
      }
      for (; done < client.started.length; done++) client.done();
      assert.deepEqual(
        client.started.map(nameOf),
        Array.from({ length: asked }, (_, index) => String(index)),
      );
      assert.equal(client.turns.isIdle, true);
    }),
  );
});

test('earlier requests of a client are hurried if a later one has less time, and never if it has more', () => {
  const client = new TestedClient();
  client.ask('1', 5_000);
  client.ask('2', 9_000);
  assert.deepEqual(client.log, ['start 1']);
  client.ask('3', 2_000);
  assert.deepEqual(client.log, ['start 1', 'hurry 1 to 2000']);
  client.done();
  assert.equal(client.started[1]?.deadlineMs, 2_000, 'the third waits for it');
  client.ask('4', 3_000);
  assert.deepEqual(client.log, ['start 1', 'hurry 1 to 2000', 'start 2']);
});

test('a client that is paused because its limit was lowered is read again when its requests have ended', () => {
  const client = new TestedClient(64);
  for (let name = 0; name < 30; name++) client.ask(String(name));
  client.inFlightPerClient = 1;
  client.turns.startNext();
  assert.equal(client.log.at(-1), 'pause');
  for (let done = 0; done < 30; done++) client.done();
  assert.equal(client.log.at(-1), 'resume');
});

test('what a client has in flight is exactly what was started and is not done, in any order', () => {
  const client = new TestedClient(4);
  for (let name = 0; name < 6; name++) client.ask(String(name));
  const [first, second] = client.started;
  assert.ok(first && second);
  client.turns.done(second);
  client.turns.done(first);
  assert.deepEqual(client.turns.inFlight.map(nameOf).toSorted(), ['2', '3', '4', '5']);
});

test('a request whose shorter deadline ends the earlier one at once gets its turn', () => {
  const client = new TestedClient();
  client.hurried = () => client.done();
  client.ask('1', 5_000);
  client.ask('2', 1_000);
  assert.deepEqual(client.started.map(nameOf), ['1', '2']);
});

test('a request is refused before those that wait, unless one of them has its envelope', () => {
  const client = new TestedClient();
  client.ask('1');
  client.ask('2');
  const other = envelopeOf([Buffer.from('other')]);
  assert.equal(client.turns.overflowAtOnce(other, 1), true);
  assert.equal(client.turns.overflowAtOnce(other, 1), false, 'the first one is not done');
  assert.equal(client.turns.overflowAtOnce(DELIMITER, 1), false);
  assert.deepEqual(client.log, ['start 1', 'start ']);
  client.done();
  assert.deepEqual(client.log, ['start 1', 'start '], 'the refused one is not done');
  client.done();
  assert.deepEqual(client.log, ['start 1', 'start ', 'start 2']);
});

test('a client that has left says so, and its owner is told', () => {
  const client = new TestedClient();
  assert.equal(client.turns.hasLeft, false);
  client.turns.left();
  assert.equal(client.turns.hasLeft, true);
  assert.deepEqual(client.log, ['left']);
});
