import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Load } from '../../../src/proxy/load.ts';
import { NO_BODY, type Request, Turns, type TurnsOwner } from '../../../src/proxy/turns.ts';
import { bodyOf, DELIMITER, framesOf } from '../../../src/transport/message.ts';
import { settingsOf } from '../../support/route.ts';

/** A client whose requests are in progress until the test says `done`. */
class TestedClient implements TurnsOwner {
  inFlightPerClient: number;
  readonly log: string[] = [];
  readonly started: Request[] = [];
  deadlineMs = 1_000;
  readonly turns = new Turns(
    {
      reply: () => 'taken',
      pause: () => this.log.push('pause'),
      resume: () => this.log.push('resume'),
    },
    this,
  );
  readonly #load = new Load(settingsOf({}).limits);

  constructor(inFlightPerClient = 1) {
    this.inFlightPerClient = inFlightPerClient;
  }

  ask(name: string, deadlineMs = 1_000): void {
    this.deadlineMs = deadlineMs;
    this.turns.request(DELIMITER, bodyOf([Buffer.from(name)]));
  }

  received(turns: Turns, envelope: Buffer, body = NO_BODY, bytes = 0): void {
    const place = this.#load.refuse();
    const { retry } = settingsOf({});
    const { deadlineMs } = this;
    const refusal = undefined;
    turns.arrive({ turns, envelope, body, bytes, arrivedMs: 0, deadlineMs, place, retry, refusal });
  }

  malformed(): void {
    this.log.push('malformed');
  }

  start(request: Request): void {
    this.started.push(request);
    this.log.push(`start ${framesOf(request.body.chunks)}`);
  }

  hurry(_turns: Turns, deadlineMs: number): void {
    this.log.push(`hurry ${deadlineMs}`);
  }

  abandon(): void {
    this.log.push('abandon');
  }
}

test('the requests of one client go one after the other', () => {
  const client = new TestedClient();
  client.ask('1');
  client.ask('2');
  assert.deepEqual(client.log, ['start 1']);
  client.turns.done();
  assert.deepEqual(client.log, ['start 1', 'start 2']);
  assert.equal(client.turns.isIdle, false);
  client.turns.done();
  assert.equal(client.turns.isIdle, true);
});

test('if the limit is lowered, requests in flight go on; if it is raised, waiting ones start', () => {
  const client = new TestedClient(3);
  for (let name = 0; name < 8; name++) client.ask(String(name));
  const started = () => client.started.length;
  assert.equal(started(), 3);
  client.inFlightPerClient = 1;
  client.turns.done();
  client.turns.done();
  assert.equal(started(), 3);
  client.turns.done();
  assert.equal(started(), 4);
  client.inFlightPerClient = 3;
  client.turns.startNext();
  assert.equal(started(), 6);
  client.ask('8');
  assert.equal(started(), 6, 'it does not overtake those that wait');
});

test('a client that sends ahead is read a little further, and then not until it has fewer requests', () => {
  const client = new TestedClient();
  const { log } = client;
  let asked = 0;
  while (!log.includes('pause') && asked < 100) client.ask(String(asked++));
  assert.ok(asked > 2 && asked <= 32, `${asked} were read`);
  assert.deepEqual(log, ['start 0', 'pause']);
  client.turns.done();
  assert.deepEqual(log.slice(2), ['start 1', 'resume']);
  client.ask('more');
  assert.equal(log.at(-1), 'pause');
});

test('a client that waits for each reply is never paused', () => {
  const client = new TestedClient();
  for (let name = 0; name < 100; name++) {
    client.ask(String(name));
    client.turns.done();
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
          if (client.started.length > done++) client.turns.done();
          else done--;
        } else client.inFlightPerClient = what;
      }
      for (; done < client.started.length; done++) client.turns.done();
      const names = client.started.map(({ body }) => String(framesOf(body.chunks)));
      assert.deepEqual(
        names,
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
  assert.deepEqual(client.log, ['start 1', 'hurry 2000']);
  client.turns.done();
  assert.equal(client.started[1]?.deadlineMs, 2_000, 'the third waits for it');
  client.ask('4', 3_000);
  assert.deepEqual(client.log, ['start 1', 'hurry 2000', 'start 2']);
});

test('a client that is paused because its limit was lowered is read again when its requests have ended', () => {
  const client = new TestedClient(64);
  for (let name = 0; name < 30; name++) client.ask(String(name));
  client.inFlightPerClient = 1;
  client.turns.startNext();
  assert.equal(client.log.at(-1), 'pause');
  for (let done = 0; done < 30; done++) client.turns.done();
  assert.equal(client.log.at(-1), 'resume');
});
