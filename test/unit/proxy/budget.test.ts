import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RetryBudget } from '../../../src/proxy/budget.ts';

test('without requests it allows the minimum each second, saved up for one second at most', () => {
  const budget = new RetryBudget({ ratio: 0.2, minPerSecond: 10 }, 0);
  const burst = (nowMs: number) =>
    Array.from({ length: 100 }, () => budget.withdraw(nowMs)).filter(Boolean).length;
  assert.equal(burst(0), 10);
  assert.equal(burst(500), 5);
  assert.equal(burst(60_000), 10);
});

test('a hundred requests earn their ratio of retries', () => {
  const budget = new RetryBudget({ ratio: 0.2, minPerSecond: 0 }, 0);
  for (let i = 0; i < 100; i++) budget.deposit(0);
  let allowed = 0;
  while (budget.withdraw(0)) allowed++;
  assert.ok(allowed === 19 || allowed === 20, `allowed ${allowed}`);
});

test('retries that were earned long ago are gone', () => {
  const budget = new RetryBudget({ ratio: 1, minPerSecond: 0 }, 0);
  for (let i = 0; i < 100; i++) budget.deposit(0);
  assert.equal(budget.withdraw(60_000), false);
});

test('a minimum of less than one a second allows a retry once a whole one is saved up', () => {
  const budget = new RetryBudget({ ratio: 0, minPerSecond: 0.5 }, 0);
  const allowed = [1_900, 2_000, 3_900, 60_000, 60_000].map((nowMs) => budget.withdraw(nowMs));
  assert.deepEqual(allowed, [true, false, true, true, false]);
});

test('with nothing earned and no minimum, no retry is allowed', () => {
  assert.equal(new RetryBudget({ ratio: 0, minPerSecond: 0 }, 0).withdraw(10_000), false);
});

test('retries never exceed requests x ratio + the minimum, in any order of events', () => {
  const event = fc.record({ isRequest: fc.boolean(), afterMs: fc.integer({ min: 0, max: 3_000 }) });
  const settings = fc.record({
    ratio: fc.double({ min: 0, max: 2, noNaN: true }),
    minPerSecond: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.double({ min: 0, max: 2, noNaN: true })),
  });
  fc.assert(
    fc.property(settings, fc.array(event, { maxLength: 300 }), ({ ratio, minPerSecond }, events) => {
      const budget = new RetryBudget({ ratio, minPerSecond }, 0);
      let [nowMs, requests, retries] = [0, 0, 0];
      for (const { isRequest, afterMs } of events) {
        nowMs += afterMs;
        if (isRequest) {
          budget.deposit(nowMs);
          requests++;
        } else if (budget.withdraw(nowMs)) retries++;
        const most = requests * ratio + minPerSecond * (nowMs / 1_000 + 1);
        assert.ok(retries <= most + 1e-6, `${retries} retries, at most ${most}`);
      }
    }),
  );
});

test('other settings neither fill it up nor take what was earned', () => {
  const budget = new RetryBudget({ ratio: 1, minPerSecond: 10 }, 0);
  const burst = (nowMs: number) =>
    Array.from({ length: 100 }, () => budget.withdraw(nowMs)).filter(Boolean).length;
  assert.equal(burst(0), 10);
  budget.adjust({ ratio: 1, minPerSecond: 50 }, 0);
  assert.equal(burst(0), 0);
  assert.equal(burst(1_000), 50);
  for (let i = 0; i < 5; i++) budget.deposit(2_000);
  budget.adjust({ ratio: 0, minPerSecond: 2 }, 2_000);
  assert.equal(burst(2_000), 7);
});
