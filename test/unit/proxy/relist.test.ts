import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { subset } from '../../../src/proxy/upstream/subset.ts';
import { type RouteOptions, settingsOf } from '../../support/route.ts';
import { A, B, C, startVirtual } from './virtual-route.ts';

/* Another list of endpoints for the same upstream. */

/** An upstream with a list of endpoints, of which some are connected. */
function start(t: TestContext, given: RouteOptions, listed: readonly string[], connected: readonly string[]) {
  const options = { ...given, endpoints: listed };
  const virtual = startVirtual(t, options);
  const { upstream, connections, clock, found, ready } = virtual;
  found(...listed);
  for (const address of connected) ready(address);
  const status = () => upstream.status(clock.nowMs).endpoints;
  return {
    ...virtual,
    status,
    /** @returns whether the upstream has taken the list */
    relist: (endpoints: readonly string[], changes: RouteOptions = {}) => {
      const settings = settingsOf({ ...options, ...changes, endpoints });
      upstream.adjust(settings);
      return upstream.settings === settings.upstream;
    },
    addresses: () => status().map(({ address }) => address),
    at: (address: string) => status().find((one) => one.address === address),
    /** The addresses of connections, and of those that are being made. */
    open: () => connections.filter(({ isOpen }) => isOpen).map(({ address }) => address),
  };
}

test('what stays keeps its connection and what was learned, what is new is connected, and what is gone finishes', (t) => {
  const { relist, addresses, at, open, begin, pass, reply, ready, connections, settled } = start(
    t,
    {},
    [A, B],
    [A, B],
  );
  const requests = [begin(), begin()];
  const held = requests.find(({ attempts }) => attempts[0]?.endpoint.address === B);
  assert.ok(held);
  pass(30);
  reply(A);
  const before = at(A);
  assert.notEqual(before?.latencyMs, undefined);
  assert.ok(relist([A, C]));
  assert.deepEqual(at(A), before);
  assert.equal(connections.filter(({ address }) => address === A).length, 1);
  assert.deepEqual(open(), [A, B, C]);
  assert.deepEqual([at(B)?.state, at(C)?.state], ['terminating', 'connecting']);

  ready(C);
  const later = [begin(), begin(), begin()].map(({ attempts }) => attempts[0]?.endpoint.address);
  assert.ok(later.includes(C));
  assert.ok(!later.includes(B));
  reply(B);
  assert.ok(settled.includes(held) && held.failure === undefined);
  assert.deepEqual(addresses(), [A, C]);
  assert.ok(!open().includes(B));
});

test('another order changes nothing', (t) => {
  const { relist, status, connections } = start(t, {}, [A, B], [A]);
  const before = status();
  assert.ok(relist([B, A]));
  assert.deepEqual(status(), before);
  assert.equal(connections.length, 2);
});

test('an ejected endpoint that stays is ejected still, and used only while nothing else is connected', (t) => {
  const ejection = { failures: 1, baseMs: 600_000, maxMs: 600_000, maxFraction: 0.5 };
  const retry = { timeoutMs: 100, attempts: 1, salvage: false };
  const { relist, at, begin, pass, reply, ready, lose } = start(t, { ejection, retry }, [A, B], [A, B]);
  begin();
  begin();
  reply(B);
  pass(150);
  ready(A);
  assert.deepEqual([at(A)?.state, at(B)?.state], ['ejected', 'up']);
  assert.ok(relist([A, C]));
  assert.deepEqual([at(A)?.state, at(B), at(C)?.state], ['ejected', undefined, 'connecting']);
  ready(C);
  for (let number = 0; number < 4; number++) {
    assert.equal(begin().attempts[0]?.endpoint.address, C);
    reply(C);
  }
  lose(C);
  assert.equal(begin().attempts[0]?.endpoint.address, A);
});

test('a list without any of the connected endpoints takes none of them away', (t) => {
  const { relist, open, status } = start(t, {}, [A, B], [A]);
  const [before, connections] = [status(), open()];
  assert.equal(relist([B, C]), false);
  assert.deepEqual([status(), open()], [before, connections]);
});

test('while nothing is connected, any list replaces the one before, and requests wait for it', (t) => {
  const { relist, addresses, open, begin, ready, upstream } = start(t, {}, [A], []);
  const waiting = begin();
  const sinceMs = upstream.unusableSinceMs;
  assert.ok(relist([B]));
  assert.deepEqual([addresses(), open()], [[B], [B]]);
  assert.equal(upstream.unusableSinceMs, sinceMs);
  ready(B);
  assert.equal(waiting.attempts[0]?.endpoint.address, B);
});

test('an endpoint that is removed and comes back starts afresh, while the old one finishes', (t) => {
  const { relist, status, begin, reply, settled } = start(t, {}, [A, B], [A, B]);
  const requests = [begin(), begin()];
  relist([A]);
  relist([A, B]);
  const states = () => status().map(({ address, state, inFlight }) => [address, state, inFlight]);
  assert.deepEqual(states(), [
    [A, 'up', 1],
    [B, 'connecting', 0],
    [B, 'terminating', 1],
  ]);
  reply(A);
  reply(B);
  assert.deepEqual(new Set(settled), new Set(requests));
  assert.deepEqual(states(), [
    [A, 'up', 0],
    [B, 'connecting', 0],
  ]);
});

/** Of these two, the subset of one has the first. */
const [FIRST = '', SECOND = ''] = [A, B].toSorted((one) =>
  subset([{ address: A }, { address: B }], 1, '')[0]?.address === one ? -1 : 1,
);
/** In place of either, the subset of one has this. */
const BEFORE_BOTH =
  Array.from({ length: 100 }, (_, index) => `tcp://10.0.1.${index}:1`).find(
    (address) => subset([{ address: FIRST }, { address }], 1, '')[0]?.address === address,
  ) ?? '';

test('a list takes nothing away if its subset has none of the connected endpoints', (t) => {
  const { relist, addresses } = start(t, { subset: 1 }, [FIRST, SECOND], [FIRST]);
  assert.deepEqual(addresses(), [FIRST]);
  assert.equal(relist([FIRST, BEFORE_BOTH]), false);
  assert.deepEqual(addresses(), [FIRST]);
});

test('a list and another size of the subset are one change', (t) => {
  const { relist, addresses, connections, at } = start(t, { subset: 1 }, [FIRST, SECOND], [FIRST]);
  assert.ok(relist([FIRST, BEFORE_BOTH], { subset: 2 }));
  assert.deepEqual(addresses(), [FIRST, BEFORE_BOTH]);
  assert.equal(at(FIRST)?.state, 'up');
  assert.deepEqual(
    connections.map(({ address }) => address),
    [FIRST, BEFORE_BOTH],
    'nothing was connected in passing',
  );
});

test('a list with another way to connect, or in place of a discovery, is not for the same upstream', (t) => {
  const { relist, upstream, status } = start(t, {}, [A, B], [A, B]);
  const before = status();
  assert.equal(relist([A, C], { connectTimeoutMs: 7 }), false);
  assert.deepEqual(status(), before);
  const settings = settingsOf({ endpoints: [A, C] });
  const discovery = { kind: 'dns', name: 'orders', port: 1, intervalMs: 1_000 } as const;
  const found = { ...settings, upstream: { ...settings.upstream, discovery } };
  upstream.adjust(found);
  assert.notEqual(upstream.settings, found.upstream);
  upstream.settings = found.upstream;
  assert.equal(relist([A, C]), false);
  assert.deepEqual(status(), before);
});

test('an upstream that is to be replaced still connects as it did', (t) => {
  const { relist, lose, pass, connections } = start(t, {}, [A], [A]);
  assert.equal(relist([A], { connectTimeoutMs: 7 }), false);
  lose(A);
  pass(1_000);
  assert.deepEqual(
    connections.map(({ target }) => target.connectTimeoutMs),
    [500, 500],
  );
});
