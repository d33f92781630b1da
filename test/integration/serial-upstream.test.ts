import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { App, ask } from '../support/ask.ts';
import { startRoute } from '../support/route.ts';
import { SerialUpstream } from '../support/serial-upstream.ts';

const TIMEOUT_MS = 100;
const SERVICE_MS = 120;
const SECONDS = 4;
const APPS = 12;

for (const correlate of [false, true]) {
  test(`a serial upstream that is slower than the timeout is not buried, correlate: ${correlate}`, async (t) => {
    const upstream = await SerialUpstream.start(SERVICE_MS);
    t.after(() => upstream.close());
    const retry = { timeoutMs: TIMEOUT_MS, deadlineMs: 2_000 };
    const { address, route, count } = await startRoute(t, [upstream.address], { correlate, retry });
    const over = setTimeout(SECONDS * 1_000).then(() => 'over');
    const outcomes = { replied: 0, failed: 0 };
    const run = async () => {
      const app = new App(address);
      while ((await Promise.race([over, 'not yet'])) !== 'over') {
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
    const sinceMs = performance.now();
    const fast = await Promise.all(Array.from({ length: 500 }, () => ask(address, 'hello')));
    assert.equal(fast.filter(({ failure }) => failure).length, 0);
    assert.ok(performance.now() - sinceMs < 5_000, 'it has recovered');
  });
}
