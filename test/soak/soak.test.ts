import assert from 'node:assert/strict';
import { test } from 'node:test';
import { POLICY, soak } from './soak.ts';
import { judge } from './verdict.ts';

/** Too short to measure growth, and it does not wait until the sidecar is idle. */
test('the promises hold in a short soak', async (t) => {
  const course = await soak(t, { requests: 2_000, seconds: 600, restMs: 0 });
  const findings = judge(course, POLICY).filter(({ promise }) => !/grow|when idle/.test(promise));
  t.diagnostic(findings.map(({ found }) => found).join('; '));
  assert.ok(findings.length >= 7);
  assert.deepEqual(
    findings.filter(({ isHeld }) => !isHeld),
    [],
  );
  const { resets, delays } = course.harm;
  assert.ok(resets > 0 && delays > 0 && course.counted.retries > 0, 'the network did some harm');
});
