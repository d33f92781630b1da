import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Events } from '../../../../src/proxy/events.ts';
import { Admission } from '../../../../src/proxy/request/admission.ts';
import { RetryBudget } from '../../../../src/proxy/request/budget.ts';
import { LazyPirate } from '../../../../src/proxy/request/lazy-pirate.ts';
import { Request, type RequestClient } from '../../../../src/proxy/request/request.ts';
import type { PendingRequest } from '../../../../src/proxy/upstream/pending-request.ts';
import { Upstream } from '../../../../src/proxy/upstream/upstream.ts';
import { DELIMITER, NO_BODY } from '../../../../src/transport/message.ts';
import { zmtp } from '../../../../src/transport/zmtp/zmtp-transport.ts';
import { settingsOf } from '../../../support/route.ts';
import { VirtualClock } from '../virtual-clock.ts';

/** An upstream that has no room, and is usable or not as a test says. */
class FullUpstream extends Upstream {
  #isUsable = true;
  #request: PendingRequest | undefined;

  override get isUsable(): boolean {
    return this.#isUsable;
  }

  override send(request: PendingRequest, nowMs: number) {
    this.#request = request;
    return super.send(request, nowMs);
  }

  turn(isUsable: boolean): void {
    this.#isUsable = isUsable;
    this.unusableSinceMs = performance.now();
    this.#request?.usableChanged();
  }
}

/** A request that stands in line, with `wait: 1s`, on a clock that the test moves. */
function start(t: TestContext, { isUsable = true } = {}) {
  const clock = new VirtualClock(t.mock);
  const settings = settingsOf({ retry: { waitMs: 1_000, deadlineMs: 60_000 } });
  const admission = new Admission(settings.requests.limits);
  const events = new Events((error) => {
    throw error;
  });
  const upstream = new FullUpstream(settings, zmtp, admission, events, '');
  const budget = new RetryBudget(settings.requests.budget, clock.nowMs);
  const settled: Request[] = [];
  const pirate = new LazyPirate(settings, upstream, budget, admission, events, {
    deliver: (one) => settled.push(one),
  });
  const idle = { address: undefined, queued: 0, hasLeft: false };
  const client: RequestClient = { ...idle, reply: () => 'taken', done: () => undefined };
  const of = { number: 1, run: 'test.run', client, envelope: DELIMITER, policy: settings.requests.retry };
  const arrival = { ...of, body: NO_BODY, bytes: 0, weight: 1 };
  const request = new Request({ ...arrival, arrivedMs: clock.nowMs }, pirate);
  assert.ok(admission.enter(request));
  upstream.turn(isUsable);
  pirate.begin(request, clock.nowMs);
  return { upstream, request, settled, pass: (ms: number) => clock.pass(ms) };
}

test('`wait` counts from when no endpoint was usable, not from when the request stood in line', (t) => {
  const { upstream, pass, settled } = start(t);
  pass(5_000);
  upstream.turn(false);
  pass(900);
  assert.equal(settled.length, 0);
  pass(200);
  assert.deepEqual([settled.length, settled[0]?.failure?.code], [1, 'NO_ENDPOINTS']);
});

test('`wait` begins anew each time that no endpoint is usable any more', (t) => {
  const { upstream, pass, settled } = start(t);
  for (let blips = 0; blips < 3; blips++) {
    upstream.turn(false);
    pass(900);
    upstream.turn(true);
    pass(10);
  }
  assert.equal(settled.length, 0);
});

test('`wait` counts from the arrival if no endpoint was usable then, and the line forgets the request', (t) => {
  const { pass, settled, request } = start(t, { isUsable: false });
  assert.notEqual(request.line, undefined);
  pass(999);
  assert.equal(settled.length, 0);
  pass(3);
  assert.deepEqual([settled.length, settled[0]?.failure?.code], [1, 'NO_ENDPOINTS']);
  assert.equal(request.line, undefined);
});

test('while an endpoint is usable but has no room, a request waits until its deadline', (t) => {
  const { pass, settled } = start(t);
  pass(59_900);
  assert.equal(settled.length, 0);
  pass(200);
  assert.equal(settled.length, 1);
});
