import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { type TapFilter, tap } from '../../../../src/ops/tap/tap-stream.ts';
import { Events, type ObservedAttempt, type ObservedRequest } from '../../../../src/proxy/events.ts';
import { bodyOf } from '../../../../src/transport/message.ts';
import { until } from '../../../support/until.ts';

const ENDPOINT = { address: 'tcp://10.1.2.3:7000', pod: 'orders-1' };

/** A request that was answered in one attempt; not told yet. */
function request(
  number: number,
  given: Partial<ObservedRequest> = {},
): ObservedRequest & { attempts: ObservedAttempt[] } {
  return {
    ...{
      number,
      id: `orders.k3x9ab.${number}`,
      from: '127.0.0.1:53122',
      client: { hasLeft: false },
      route: 'orders',
    },
    ...{ bytes: 5, arrivedMs: performance.now(), cause: 'ok', outcome: 'ok', failure: undefined },
    ...{ elapsedMs: 2, executed: 'yes', replyBytes: 5 },
    ...{ body: bodyOf([Buffer.from('hello')]), reply: bodyOf([Buffer.from('world')]) },
    ...given,
    attempts: [],
  };
}

/** The events of its whole life. */
function live(events: Events, one: ReturnType<typeof request>): void {
  events.emit('received', one);
  const sentMs = one.arrivedMs;
  const attempt = {
    request: one,
    endpoint: ENDPOINT,
    sentMs,
    result: undefined,
    isUnsent: false,
    endedMs: 0,
  };
  one.attempts.push(attempt);
  events.emit('sent', attempt);
  const ended = { ...attempt, result: 'ok', endedMs: sentMs + 1.5 } as const;
  one.attempts[0] = ended;
  events.emit('attempt', ended);
  events.emit('settled', one);
}

function open(given: Partial<TapFilter> & { bodyBytes?: number } = {}) {
  const { bodyBytes = 0, ...filter } = given;
  const failures: unknown[] = [];
  const events = new Events((error) => failures.push(error));
  let text = '';
  const out = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      text += chunk;
      done();
    },
  });
  const stop = new AbortController();
  const whole = { route: undefined, sample: 1, limit: Number.POSITIVE_INFINITY, ...filter };
  const running = tap(events, whole, () => bodyBytes, out, stop.signal);
  return {
    events,
    running,
    text: () => text,
    /** Ends it, and returns all its lines. */
    async end() {
      stop.abort();
      await running;
      assert.deepEqual(failures, []);
      return text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    },
  };
}

test('a request is shown from its arrival to its outcome', async () => {
  const { events, end } = open();
  live(events, request(1));
  const of = { id: 'orders.k3x9ab.1', route: 'orders' };
  const at = { endpoint: ENDPOINT.address, pod: 'orders-1', node: null, zone: null };
  const lines = await end();
  for (const { at: time } of lines) assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(
    lines.slice(0, 3).map(({ at: _, ...line }) => line),
    [
      { kind: 'received', ...of, from: '127.0.0.1:53122', bytes: 5 },
      { kind: 'sent', ...of, ...at, attempt: 1 },
      { kind: 'attempt', ...of, ...at, attempt: 1, result: 'ok', ms: 1.5 },
    ],
  );
  const { kind, id, outcome, requestBytes, replyBytes, attempts } = lines[3] ?? {};
  assert.deepEqual([kind, id, outcome, requestBytes, replyBytes], ['settled', of.id, 'ok', 5, 5]);
  assert.equal((attempts as unknown[]).length, 1);
});

test('bodies are shown only if the configuration says how much of them', async () => {
  const without = open();
  live(without.events, request(1));
  await without.end();
  assert.doesNotMatch(without.text(), /hello|world|hel"|wor"/);
  const { events, end } = open({ bodyBytes: 3 });
  live(events, request(1));
  live(events, request(2, { reply: undefined, outcome: 'timeout', cause: 'timeout' }));
  const lines = await end();
  assert.deepEqual(
    [lines[0]?.['body'], lines[3]?.['reply'], lines[7]?.['reply']],
    [['hel'], ['wor'], undefined],
  );
});

test('a request is in a sample whole, or not at all', async () => {
  for (const sample of [0, 0.1, 0.5, 1]) {
    const { events, end } = open({ sample });
    for (let number = 1; number <= 1_000; number++) live(events, request(number));
    const counts = new Map<unknown, number>();
    for (const { id } of await end()) counts.set(id, (counts.get(id) ?? 0) + 1);
    assert.ok([...counts.values()].every((count) => count === 4));
    assert.ok(Math.abs(counts.size - 1_000 * sample) <= 5, `${counts.size} of 1000 for ${sample}`);
  }
});

test('a request that arrived before the tap was opened is not shown at all', async () => {
  const early = request(1);
  await until('the clock goes on', () => performance.now() > early.arrivedMs);
  const { events, end } = open();
  live(events, early);
  live(events, request(2));
  assert.deepEqual([...new Set((await end()).map(({ id }) => id))], ['orders.k3x9ab.2']);
});

test('only the route that is asked for is shown', async () => {
  const { events, end } = open({ route: 'stock' });
  live(events, request(1));
  live(events, request(2, { route: 'stock' }));
  events.emit('lateReply', { route: 'orders', endpoint: ENDPOINT, fate: 'discarded' });
  events.emit('lateReply', { route: 'stock', endpoint: ENDPOINT, fate: 'discarded' });
  const lines = await end();
  assert.equal(lines.length, 5);
  assert.ok(lines.every(({ route }) => route === 'stock'));
});

test('a late reply is shown with the request that it answered, if it answered one', async () => {
  const { events, end } = open();
  events.emit('lateReply', { route: 'orders', endpoint: ENDPOINT, fate: 'salvaged', request: request(7) });
  events.emit('lateReply', { route: 'orders', endpoint: ENDPOINT, fate: 'discarded' });
  const shown = (await end()).map(({ kind, id, fate, pod }) => [kind, id, fate, pod]);
  assert.deepEqual(shown, [
    ['late', 'orders.k3x9ab.7', 'salvaged', 'orders-1'],
    ['late', null, 'discarded', 'orders-1'],
  ]);
});

for (const how of ['its limit', 'its reader'] as const) {
  test(`a tap that was ended by ${how} observes nothing any more`, async () => {
    const { events, running, end, text } = open(how === 'its limit' ? { limit: 4 } : {});
    live(events, request(1));
    if (how === 'its limit') await running;
    else await end();
    const lines = text();
    assert.equal(lines.split('\n').length, 5);
    const untouched = new Proxy(request(2), {
      get: () => assert.fail('somebody looks at it'),
    });
    for (const kind of ['received', 'settled'] as const) events.emit(kind, untouched);
    await end();
    assert.equal(text(), lines);
  });
}

test('a limit is exact, also in the middle of a request', async () => {
  const { events, running, text } = open({ limit: 6 });
  for (let number = 1; number <= 5; number++) live(events, request(number));
  await running;
  assert.equal(text().split('\n').length - 1, 6);
});
