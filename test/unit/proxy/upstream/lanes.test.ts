import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Lane } from '../../../../src/proxy/upstream/lane.ts';
import { Lanes } from '../../../../src/proxy/upstream/lanes.ts';
import { type RouteOptions, settingsOf } from '../../../support/route.ts';
import { A, B, startVirtual } from '../virtual-route.ts';

/** A lane that has been idle for this long, and lets a test see whether it is closed. */
function laneOf(kind: Lane['state']['kind'], idleMs = 0, isCorrelated = false) {
  const lane = {
    state: { kind },
    isCorrelated,
    isOpen: true,
    idleMs: () => idleMs,
    close: () => {
      lane.isOpen = false;
    },
  };
  return lane;
}

function lanesOf(...lanes: ReturnType<typeof laneOf>[]): Lanes {
  const next = lanes.values();
  const all = new Lanes(
    () => next.next().value as unknown as Lane,
    () => undefined,
  );
  for (const _ of lanes) all.open();
  return all;
}

/** Which of them stay open if they are trimmed. */
function openOf(...lanes: ReturnType<typeof laneOf>[]) {
  lanesOf(...lanes).trim(60_000, 0);
  return lanes.map(({ isOpen }) => isOpen);
}

test('a lane that has long been idle is closed, unless no other one would be left that takes requests', () => {
  const idle = () => laneOf('ready', 60_000);
  assert.deepEqual(openOf(idle(), idle(), laneOf('ready', 59_999)), [true, false, true]);
  assert.deepEqual(openOf(laneOf('retired'), idle()), [true, true]);
  assert.deepEqual(openOf(laneOf('connecting'), idle(), idle()), [true, true, false]);
});

test('one lane carries all attempts if it is correlated, and as long as it takes any', () => {
  const plain = laneOf('ready');
  assert.equal(lanesOf(plain, laneOf('ready', 0, true)).hasCorrelated, true);
  assert.equal(lanesOf(plain, laneOf('retired', 0, true)).hasCorrelated, false);
  assert.equal(lanesOf(plain).hasCorrelated, false);
});

/** An endpoint with one connection that is being made, on virtual time. Each pause is as long as it may be. */
function start(t: TestContext, options: RouteOptions = {}) {
  t.mock.method(Math, 'random', () => 1);
  const retry = { timeoutMs: 60_000, deadlineMs: 60_000, ...options.retry };
  const virtual = startVirtual(t, { ...options, retry });
  virtual.found(A);
  return virtual;
}

/** An endpoint whose connections drop as soon as a test says so. */
function startReopening(t: TestContext) {
  const virtual = start(t);
  const { open, ready, lose, pass } = virtual;
  const isOpen = () => open(A).length > 0;
  return {
    ...virtual,
    /** @returns how long it takes until there is another connection */
    reopenedMs: () => {
      lose(A);
      let passedMs = 0;
      for (; !isOpen() && passedMs < 5_000; passedMs++) pass(1);
      return passedMs;
    },
    /** The connection is good for so long. */
    lasts: (ms: number) => {
      ready(A);
      pass(ms);
    },
  };
}

test('the pauses between attempts to connect double, up to half a second', (t) => {
  const { reopenedMs } = startReopening(t);
  const pausesMs = Array.from({ length: 6 }, reopenedMs);
  assert.deepEqual(pausesMs, [50, 100, 200, 400, 500, 500]);
});

test('after a connection that lasted a second the next one is opened at once, and failures before it do not count', (t) => {
  const { lasts, reopenedMs } = startReopening(t);
  assert.equal(reopenedMs(), 50);
  lasts(999);
  assert.equal(reopenedMs(), 100);
  lasts(1_000);
  assert.equal(reopenedMs(), 0);
  assert.equal(reopenedMs(), 50);
});

test('after a reply, failures before it do not count', (t) => {
  const { lasts, reopenedMs, begin, reply } = startReopening(t);
  assert.deepEqual([reopenedMs(), reopenedMs()], [50, 100]);
  lasts(1);
  begin();
  reply(A);
  assert.equal(reopenedMs(), 50);
});

test('a connection whose attempt has timed out is replaced at once', (t) => {
  const { ready, begin, pass, open } = start(t, { retry: { timeoutMs: 100 } });
  ready(A);
  begin();
  pass(105);
  assert.equal(open(A).length, 2, 'the old one stays for a late reply');
});

test('connections that are closed here are not failures', (t) => {
  const { ready, begin, pirate, connections, open } = start(t);
  for (let number = 1; number < 4; number++) {
    ready(A);
    pirate.abandon(begin());
    assert.deepEqual([connections.length, open(A).length], [number + 1, 1]);
  }
});

/** A request has the only connection, another one stands in line, and the connection that was opened for it has failed. */
function startPausing(t: TestContext) {
  const virtual = start(t);
  const { ready, begin, drop, open } = virtual;
  ready(A);
  begin();
  begin();
  drop(open(A)[1]);
  return virtual;
}

test('if a further connection fails, there is a pause before the next one for who stands in line', (t) => {
  const { pass, open } = startPausing(t);
  pass(49);
  assert.equal(open(A).length, 1);
  pass(1);
  assert.equal(open(A).length, 2);
});

test('after a pause no connection is opened if nobody needs it any more', (t) => {
  const { reply, pass, connections } = startPausing(t);
  reply(A);
  pass(5_000);
  assert.equal(connections.length, 2);
});

test('if one of two good connections drops, another one is opened when it is needed, without a pause', (t) => {
  const { ready, begin, pass, drop, open } = start(t, { retry: { attempts: 1 } });
  ready(A);
  begin();
  begin();
  ready(A);
  pass(1);
  drop(open(A)[1]);
  assert.equal(open(A).length, 1);
  begin();
  assert.equal(open(A).length, 2);
});

test('an endpoint that leaves the set during a pause is not connected to again', (t) => {
  const { lose, found, pass, connections } = start(t);
  lose(A);
  found(B);
  pass(5_000);
  assert.deepEqual(
    connections.map(({ address }) => address),
    [A, B],
  );
});

test('an endpoint that has left the set is not connected to again when its last connection drops', (t) => {
  const { ready, begin, found, lose, pass, open } = start(t);
  ready(A);
  begin();
  found(B);
  assert.equal(open(A).length, 1);
  lose(A);
  pass(5_000);
  assert.equal(open(A).length, 0);
});

test('another limit of the size of replies needs another connection, and the old one stays for what is in flight', (t) => {
  const { ready, begin, reply, upstream, open } = start(t);
  ready(A);
  const request = begin();
  upstream.adjust(settingsOf({ limits: { messageBytes: 77 } }));
  assert.deepEqual(
    open(A).map(({ target }) => target.messageBytes),
    [16 * 2 ** 20, 77],
  );
  reply(A);
  assert.notEqual(request.reply, undefined);
  assert.equal(open(A).length, 1);
});

test('an upstream that closes closes its connections, and what is in flight is lost', (t) => {
  const { ready, begin, upstream, open } = start(t);
  ready(A);
  const request = begin();
  upstream.close();
  assert.equal(open(A).length, 0);
  assert.equal(request.attempts[0]?.result, 'lost');
});
