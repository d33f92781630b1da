import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prepare, replayLine } from './simulate.ts';

const SEEDS = 2_000;
const simulate = await prepare();

test(`the promises hold in ${SEEDS} simulated worlds`, async (t) => {
  const broken: string[] = [];
  const totals = { requests: 0, replied: 0, faults: 0 };
  for (let seed = 1; seed <= SEEDS; seed++) {
    const report = await simulate(seed);
    totals.requests += report.requests;
    totals.replied += report.replied;
    totals.faults += report.faults;
    if (report.violations.length > 0) broken.push(replayLine(seed, report));
  }
  t.diagnostic(JSON.stringify(totals));
  assert.deepEqual(broken, []);
  assert.ok(totals.faults > 10 * SEEDS && totals.replied > totals.requests / 10, 'something was tried');
});

test('the same seed does the same', async () => {
  const [first, second, other] = [await simulate(7), await simulate(7), await simulate(8)];
  assert.deepEqual(second, first);
  assert.notEqual(other.fingerprint, first.fingerprint);
});
