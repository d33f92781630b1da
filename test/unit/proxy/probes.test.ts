import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { RouteOptions } from '../../support/route.ts';
import { A, B, startVirtual } from './virtual-route.ts';

/* When an endpoint that was ejected is tried again. */

const BASE_MS = 1_000;
/** Where the draw is the lowest. */
const OUT_MS = 0.75 * BASE_MS;

/** A was ejected just now, and B is up. */
function ejected(t: TestContext, options: RouteOptions = {}) {
  const route = startVirtual(t, {
    ...options,
    ejection: { failures: 1, baseMs: BASE_MS, maxMs: 60_000, maxFraction: 0.5 },
  });
  const { found, ready, lose, begin, upstream, clock } = route;
  found(A, B);
  ready(A);
  begin();
  lose(A);
  ready(B);
  const stateOf = (address: string) =>
    upstream.status(clock.nowMs).endpoints.find((one) => one.address === address);
  assert.equal(stateOf(A)?.state, 'ejected');
  return { ...route, stateOf };
}

const ONE_EACH = { inFlightPerEndpoint: 1, adaptive: false };

test('an endpoint whose time is up is probed by who stands in line, though nothing else happens', (t) => {
  const { ready, begin, pass, reply, stateOf } = ejected(t, {
    limits: ONE_EACH,
    retry: { timeoutMs: 60_000, deadlineMs: 60_000, attempts: 1 },
  });
  const atB = begin();
  const waiting = begin();
  pass(100);
  ready(A);
  assert.deepEqual([atB.attempts[0]?.endpoint.address, waiting.state.kind], [B, 'waiting']);
  pass(OUT_MS - 200);
  assert.equal(waiting.state.kind, 'waiting');
  pass(200);
  assert.equal(waiting.attempts[0]?.endpoint.address, A);
  reply(A);
  assert.equal(stateOf(A)?.state, 'up');
});

test('an endpoint whose probe fails is probed again when its longer time is up', (t) => {
  const { ready, begin, pass, lose } = ejected(t, {
    limits: ONE_EACH,
    retry: { timeoutMs: 60_000, deadlineMs: 60_000, attempts: 1 },
  });
  begin();
  const [first, second] = [begin(), begin()];
  pass(100);
  ready(A);
  pass(OUT_MS);
  assert.equal(first.attempts[0]?.endpoint.address, A);
  lose(A);
  pass(100);
  ready(A);
  assert.equal(second.state.kind, 'waiting');
  pass(2 * OUT_MS);
  assert.equal(second.attempts[0]?.endpoint.address, A);
});

test('a probe that a late reply to another attempt cuts short tells nothing, so the next request probes', (t) => {
  const { ready, begin, pass, reply, stateOf } = ejected(t, {
    retry: { timeoutMs: 500, deadlineMs: 60_000, attempts: 2, backoff: { baseMs: 25, maxMs: 1_000 } },
  });
  // The request that A has lost.
  reply(B);
  pass(100);
  ready(A);
  pass(OUT_MS - 500);
  const slow = begin();
  pass(550);
  assert.deepEqual(
    slow.attempts.map(({ endpoint }) => endpoint.address),
    [B, A],
  );
  reply(B);
  assert.notEqual(slow.reply, undefined);
  assert.deepEqual(
    [slow.attempts[1]?.result, stateOf(A)?.state, stateOf(A)?.nextProbeMs],
    ['cancelled', 'ejected', 0],
  );
  pass(100);
  ready(A);
  const next = begin();
  assert.equal(next.attempts[0]?.endpoint.address, A);
});

test('a probe whose connection drops before it has left tells nothing, so the next request probes', (t) => {
  const { ready, begin, pass, connections, stateOf } = ejected(t, {
    retry: { timeoutMs: 60_000, deadlineMs: 60_000, attempts: 1, retryOn: [] },
  });
  pass(100);
  ready(A);
  pass(OUT_MS);
  const probe = begin();
  assert.equal(probe.attempts[0]?.endpoint.address, A);
  const connection = connections.findLast(({ address, isOpen }) => address === A && isOpen);
  assert.ok(connection !== undefined);
  connection.sent = 0;
  connection.isOpen = false;
  connection.owner.closed({ kind: 'closed', what: 'lost', means: [] });
  assert.deepEqual([probe.attempts[0]?.result, stateOf(A)?.nextProbeMs], ['unsent', 0]);
});
