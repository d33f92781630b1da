import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { RetryBudget } from '../../../src/proxy/budget.ts';
import { Forwarder, type Settled } from '../../../src/proxy/forwarder.ts';
import type { Waiter } from '../../../src/proxy/line.ts';
import { Load } from '../../../src/proxy/load.ts';
import { NO_BODY } from '../../../src/proxy/turns.ts';
import { Upstream } from '../../../src/proxy/upstream.ts';
import { zmtp } from '../../../src/transport/zmtp/zmtp-transport.ts';
import { settingsOf } from '../../support/route.ts';

/** An upstream that has no room, and is usable or not as a test says. */
class FullUpstream extends Upstream {
  #isUsable = true;
  #waiter: Waiter | undefined;

  override get isUsable(): boolean {
    return this.#isUsable;
  }

  override pick(waiter: Waiter): undefined {
    this.#waiter = waiter;
  }

  turn(isUsable: boolean): void {
    this.#isUsable = isUsable;
    this.unusableSinceMs = performance.now();
    this.#waiter?.usableChanged();
  }
}

const realSetImmediate = setImmediate;

/** A request that stands in line, with `wait: 1s`, on a clock that the test moves. */
function start(t: TestContext) {
  let nowMs = 100_000;
  t.mock.method(performance, 'now', () => nowMs);
  t.mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
  const settings = settingsOf({ retry: { waitMs: 1_000, deadlineMs: 60_000 } });
  const load = new Load(settings.limits);
  const upstream = new FullUpstream(settings, zmtp, load, () => undefined, '');
  const budget = new RetryBudget(settings.budget, nowMs);
  const forwarder = new Forwarder(settings, upstream, budget, load, () => undefined);
  const place = load.enter(1, { queued: 0 });
  assert.ok(place !== undefined);
  let settled: Settled | undefined;
  void forwarder.forward(NO_BODY, place, nowMs).then((result) => {
    settled = result;
  });
  const pass = async (ms: number) => {
    for (const end = nowMs + ms; nowMs < end; nowMs += 10) {
      t.mock.timers.tick(10);
      await new Promise((resolve) => realSetImmediate(resolve));
    }
  };
  return { upstream, pass, settled: () => settled };
}

test('`wait` counts from when no endpoint was usable, not from when the request stood in line', async (t) => {
  const { upstream, pass, settled } = start(t);
  await pass(5_000);
  upstream.turn(false);
  await pass(900);
  assert.equal(settled(), undefined);
  await pass(200);
  const result = settled();
  assert.ok(result?.kind === 'failure' && result.code === 'NO_ENDPOINTS');
});

test('`wait` begins anew each time that no endpoint is usable any more', async (t) => {
  const { upstream, pass, settled } = start(t);
  for (let blips = 0; blips < 3; blips++) {
    upstream.turn(false);
    await pass(900);
    upstream.turn(true);
    await pass(10);
  }
  assert.equal(settled(), undefined);
});
