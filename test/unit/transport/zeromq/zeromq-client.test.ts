import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { type Refused, Turns, type TurnsOwner } from '../../../../src/proxy/client/turns.ts';
import { Request, type RequestOwner } from '../../../../src/proxy/request/request.ts';
import { type Body, framesOf } from '../../../../src/transport/message.ts';
import { parse } from '../../../../src/transport/zeromq/frames.ts';
import { ZeromqClient } from '../../../../src/transport/zeromq/zeromq-client.ts';
import { settingsOf } from '../../../support/route.ts';

const MiB = 2 ** 20;
const MESSAGE_BYTES = MiB;

/** A route with one client. Refusals are answered at their turn, and requests when the test says so. */
class Served implements TurnsOwner {
  readonly inFlightPerClient = 1;
  /** Requests and refusals whose turn has not come. */
  waiting = 0;
  /** What was answered: the first frame of its envelope, and its body or why it was refused. */
  readonly answered: [envelope: string, body: string][] = [];
  hasLeft = false;
  readonly #client = new ZeromqClient(undefined, async () => 'taken');
  readonly #turns = new Turns(this.#client, this);
  readonly #inFlight: Request[] = [];

  constructor() {
    this.#client.owner = this.#turns;
  }

  /** A message arrives. */
  take(envelope: string, body: readonly Buffer[] = [Buffer.from('x')]): void {
    const frames = [Buffer.from(envelope), Buffer.alloc(0), ...body];
    this.#client.take(parse(frames) ?? assert.fail(), MESSAGE_BYTES);
  }

  /** Answers requests until there is none. */
  async answerAll(): Promise<void> {
    for (let turns = 0; turns < 10_000 && !this.#client.isIdle; turns++) {
      const request = this.#inFlight.shift();
      if (request !== undefined) this.#answer(request, String(framesOf(request.body.chunks)[0]));
      // What the client has held is passed on in a later turn of the event loop.
      await setImmediate();
    }
  }

  received(client: Turns, envelope: Buffer, body: Body, bytes: number, refused?: Refused): Request {
    assert.equal(this.hasLeft, false);
    this.waiting++;
    const { retry: policy } = settingsOf({}).requests;
    const of = { number: 1, run: 'test.run', client, arrivedMs: 0, policy };
    const request = new Request({ ...of, envelope, body, bytes, weight: bytes }, {} as RequestOwner);
    if (refused !== undefined) request.failure = { code: 'OVERLOADED', message: refused };
    return request;
  }

  malformed(): void {
    assert.fail();
  }

  begin(request: Request): void {
    this.waiting--;
    if (request.failure === undefined) this.#inFlight.push(request);
    else this.#answer(request, request.failure.message);
  }

  /** The connection of the client is gone. */
  leave(): void {
    this.#client.leave();
  }

  left(): void {
    this.hasLeft = true;
  }

  #answer(request: Request, answer: string): void {
    this.answered.push([String(framesOf([request.envelope])[0]), answer]);
    this.#turns.done(request);
  }
}

test('of a client that sends ahead without end, only so many messages wait; further ones are refused at once', () => {
  const route = new Served();
  for (let number = 0; number < 10_000; number++) route.take(`id${number}`);
  assert.ok(route.waiting < 300, `${route.waiting} wait`);
  assert.ok(route.answered.length > 9_500, `${route.answered.length} are answered`);
});

test('what waits of a client that sends ahead takes a limited memory, also if it has many frames', async () => {
  const route = new Served();
  const frames = Array.from({ length: 1_000 }, () => Buffer.alloc(0));
  // About 384 kB each.
  for (let number = 0; number < 200; number++) route.take(`id${number}`, frames);
  await route.answerAll();
  const refused = route.answered.filter(([, answer]) => answer === 'overflow').length;
  assert.ok(refused > 170, `${refused} were refused`);
});

test('equal envelopes are answered in order, whatever of them is refused and whatever other ones come between', async () => {
  const route = new Served();
  const large = Buffer.alloc(MiB, 'x');
  const sent = new Map<string, number>();
  const took = new Map<string, string[]>();
  for (let number = 0; number < 3_000; number++) {
    const envelope = `id${(number * 7) % (number < 2_000 ? 400 : 3)}`;
    const count = sent.get(envelope) ?? 0;
    sent.set(envelope, count + 1);
    route.take(
      envelope,
      number === 40 ? [Buffer.from(`${count}`), large.subarray(16)] : [Buffer.from(`${count}`)],
    );
  }
  await route.answerAll();
  assert.equal(route.answered.length, 3_000);
  for (const [envelope, answer] of route.answered)
    took.set(envelope, [...(took.get(envelope) ?? []), answer]);
  for (const [envelope, answers] of took)
    for (const [at, answer] of answers.entries())
      if (answer !== 'overflow') assert.equal(answer, String(at), `${envelope}: ${answers}`);
});

test('nothing is passed on of a client that has left', async () => {
  const route = new Served();
  for (let number = 0; number < 100; number++) route.take('id');
  route.leave();
  await route.answerAll();
  assert.ok(route.hasLeft);
  assert.equal(route.answered.length, 17);
});
