import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RetryBudget } from '../../../../src/proxy/request/budget.ts';

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

test('it says how many retries it would allow at once', () => {
  // Quarters, so that sums are exact.
  for (const [ratio, minPerSecond, requests] of [
    [0.25, 0, 10],
    [0.25, 3, 10],
    [0.75, 0.5, 1],
    [0, 0, 5],
  ] as const) {
    const budget = new RetryBudget({ ratio, minPerSecond }, 0);
    for (let i = 0; i < requests; i++) budget.deposit(0);
    const left = budget.left(0);
    let allowed = 0;
    while (budget.withdraw(0)) allowed++;
    assert.equal(left, allowed, `${requests} requests, ${ratio}, ${minPerSecond}`);
    assert.equal(budget.left(0), 0);
  }
});

test('what it says is left grows again with time', () => {
  const budget = new RetryBudget({ ratio: 0, minPerSecond: 4 }, 0);
  while (budget.withdraw(0));
  assert.deepEqual(
    [0, 249, 250, 500, 9_000].map((nowMs) => budget.left(nowMs)),
    [0, 0, 1, 2, 4],
  );
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

/** How many retries it allows at once. */
const burstOf = (budget: RetryBudget, nowMs: number) =>
  Array.from({ length: 2_000 }, () => budget.withdraw(nowMs)).filter(Boolean).length;

test('earned retries fade to a third in ten seconds', () => {
  const budget = new RetryBudget({ ratio: 1, minPerSecond: 0 }, 0);
  for (let i = 0; i < 100; i++) budget.deposit(0);
  assert.equal(burstOf(budget, 10_000), Math.floor(100 / Math.E));
});

test('the minimum is used first, because it comes back', () => {
  const budget = new RetryBudget({ ratio: 1, minPerSecond: 1 }, 0);
  for (let i = 0; i < 2; i++) budget.deposit(0);
  assert.equal(budget.withdraw(0), true);
  assert.equal(burstOf(budget, 1_000), 2, 'one of the minimum, and one that was earned');
});

test('a whole earned retry is used before a part of the minimum', () => {
  const budget = new RetryBudget({ ratio: 1, minPerSecond: 1 }, 0);
  assert.equal(budget.withdraw(0), true);
  budget.deposit(500);
  assert.equal(budget.withdraw(500), true);
  assert.equal(burstOf(budget, 1_000), 1, 'the other half of the minimum has come');
});

test('a part of the minimum and a part that was earned make one retry, and are used up then', () => {
  const budget = new RetryBudget({ ratio: 0.5, minPerSecond: 0.5 }, 0);
  budget.deposit(0);
  assert.equal(burstOf(budget, 0), 1);
  budget.deposit(0);
  assert.equal(burstOf(budget, 0), 0);
  budget.deposit(0);
  assert.equal(burstOf(budget, 0), 1);
});

test('time before a change of the settings counts by the old ones', () => {
  const budget = new RetryBudget({ ratio: 0, minPerSecond: 10 }, 0);
  assert.equal(burstOf(budget, 0), 10);
  budget.adjust({ ratio: 0, minPerSecond: 50 }, 500);
  assert.equal(burstOf(budget, 500), 5);
});

test('a minimum of 0 takes away what was saved up', () => {
  const budget = new RetryBudget({ ratio: 0, minPerSecond: 10 }, 0);
  budget.adjust({ ratio: 0, minPerSecond: 0 }, 0);
  assert.equal(burstOf(budget, 0), 0);
});

test('it grows from one millisecond to the next, and an earlier time takes nothing away', () => {
  const budget = new RetryBudget({ ratio: 0, minPerSecond: 1_000 }, 100);
  assert.equal(burstOf(budget, 100), 1_000);
  assert.equal(burstOf(budget, 101), 1);
  const full = new RetryBudget({ ratio: 0, minPerSecond: 10 }, 1_000);
  assert.equal(burstOf(full, 0), 10);
});
