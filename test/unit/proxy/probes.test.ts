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
