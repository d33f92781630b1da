import assert from 'node:assert/strict';
import { test } from 'node:test';
import { App, ask } from '../support/ask.ts';
import { startRoute } from '../support/route.ts';
import { SerialUpstream } from '../support/serial-upstream.ts';
import { until } from '../support/until.ts';

const TIMEOUT_MS = 100;
const SERVICE_MS = 120;
const REQUESTS = 36;
const BUDGET = { ratio: 0.2, minPerSecond: 0 };
const APPS = 12;
/** As many attempts as an endpoint may have in flight at first, without correlation. */
const TRUSTED = 8;

/** For how long 500 apps at once are served, each of which must be. */
async function takes500(address: string): Promise<number> {
  const sinceMs = performance.now();
  const answers = await Promise.all(Array.from({ length: 500 }, () => ask(address, 'hello')));
  assert.equal(answers.filter(({ failure }) => failure).length, 0);
  return performance.now() - sinceMs;
}

for (const correlate of [false, true]) {
  test(`a serial upstream that is slower than the timeout is not buried, correlate: ${correlate}`, async (t) => {
    const upstream = await SerialUpstream.start(SERVICE_MS);
    t.after(() => upstream.close());
    const retry = { timeoutMs: TIMEOUT_MS, deadlineMs: 60_000 };
    const options = { correlate, retry, budget: BUDGET };
    const { address, route, count } = await startRoute(t, [upstream.address], options);
    let asked = 0;
    const outcomes = { replied: 0, failed: 0 };
    const run = async () => {
      const app = new App(address);
      while (asked++ < REQUESTS) {
        if ((await app.ask('hello')).failure) outcomes.failed++;
        else outcomes.replied++;
      }
      app.close();
    };
    await Promise.all(Array.from({ length: APPS }, run));
    const { replied, failed } = outcomes;
    t.diagnostic(
      `${replied} replied, ${failed} failed, ${upstream.executions} executions, ` +
        `${count('attempt')} attempts, limit ${route.status().endpoints[0]?.inFlightLimit}`,
    );
    assert.ok(upstream.executions <= 1.2 * (replied + failed), 'executions');
    assert.ok(
      upstream.executions - replied <= APPS,
      'nothing but the first of each app was executed in vain',
    );
    assert.ok(replied > failed);

    upstream.serviceMs = 0;
    const another = await startRoute(t, [upstream.address], options);
    await until('it is as quick as one that was never slow, and trusted as much', async () => {
      const tookMs = await takes500(address);
      const limit = route.status().endpoints[0]?.inFlightLimit ?? 0;
      return limit >= TRUSTED && tookMs < 2 * (await takes500(another.address));
    });
  });
}
