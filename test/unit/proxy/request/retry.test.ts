import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { afterFailure, type FailedAttempt, mayHedge } from '../../../../src/proxy/request/retry.ts';
import type { RetryPolicy } from '../../../../src/proxy/settings.ts';

const policy: RetryPolicy = {
  timeoutMs: 100,
  attempts: 3,
  hedgeMs: undefined,
  deadlineMs: 1_000,
  waitMs: 1_000,
  retryOn: ['unsent', 'lost', 'timeout'],
  salvage: true,
  backoff: { baseMs: 25, maxMs: 40 },
};
const timedOut: FailedAttempt = { failure: 'timeout', attempts: 1, leftMs: 900, replyPossible: true };
const half = () => 0.5;
const yes = () => true;
const no = () => false;

test('a timeout is retried after half the base delay, if the random number is 0.5', () => {
  assert.deepEqual(afterFailure(policy, timedOut, half, yes), { kind: 'retry', delayMs: 12.5 });
});

test('the delay doubles with each attempt up to its maximum', () => {
  const failed = { ...timedOut, attempts: 2 };
  assert.deepEqual(afterFailure(policy, failed, half, yes), { kind: 'retry', delayMs: 20 });
});

test('the first retry after a dropped connection goes out at once, the second waits', () => {
  const lost = { ...timedOut, failure: 'lost' } as const;
  assert.deepEqual(afterFailure(policy, lost, half, yes), { kind: 'retry', delayMs: 0 });
  assert.deepEqual(afterFailure(policy, { ...lost, attempts: 2 }, half, yes), { kind: 'retry', delayMs: 20 });
});

test('attempts counts sends: after the last one there is no retry', () => {
  const failed = { ...timedOut, attempts: 3 };
  assert.deepEqual(afterFailure(policy, failed, half, yes), { kind: 'stop', denied: 'policy' });
});

test('retryOn unsent alone makes delivery at most once', () => {
  const once = { ...policy, retryOn: ['unsent'] as const };
  for (const failure of ['lost', 'timeout', 'protocol'] as const) {
    assert.deepEqual(afterFailure(once, { ...timedOut, failure }, half, yes), {
      kind: 'stop',
      denied: 'policy',
    });
  }
  assert.equal(afterFailure(once, { ...timedOut, failure: 'unsent' }, half, yes).kind, 'retry');
});

test('a protocol error is retried if a dropped connection is', () => {
  assert.equal(afterFailure(policy, { ...timedOut, failure: 'protocol' }, half, yes).kind, 'retry');
});

test('a retry that cannot start before the deadline is denied, and takes nothing out of the budget', () => {
  const late = { ...timedOut, leftMs: 12 };
  const untouched = () => assert.fail('the budget was asked');
  assert.deepEqual(afterFailure(policy, late, half, untouched), { kind: 'linger', denied: 'deadline' });
});

test('without budget nothing more is sent, but the request waits on if a late reply may still come', () => {
  assert.deepEqual(afterFailure(policy, timedOut, half, no), { kind: 'linger', denied: 'budget' });
  const hopeless = { ...timedOut, replyPossible: false };
  assert.deepEqual(afterFailure(policy, hopeless, half, no), { kind: 'stop', denied: 'budget' });
});

test('it never allows more sends than attempts, nor a delay beyond the deadline or the maximum', () => {
  const failed = fc.record({
    failure: fc.constantFrom('unsent', 'lost', 'timeout', 'protocol'),
    attempts: fc.integer({ min: 1, max: 120 }),
    leftMs: fc.double({ min: -1_000, max: 100_000, noNaN: true }),
    replyPossible: fc.boolean(),
  });
  const policies = fc.record({
    attempts: fc.integer({ min: 1, max: 100 }),
    maxMs: fc.integer({ min: 1, max: 60_000 }),
  });
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(policies, failed, chance, ({ attempts, maxMs }, attempt, random) => {
      const drawn = { ...policy, attempts, backoff: { baseMs: 25, maxMs } };
      const verdict = afterFailure(drawn, attempt as FailedAttempt, () => random, yes);
      if (verdict.kind !== 'retry') return;
      assert.ok(attempt.attempts < attempts);
      assert.ok(verdict.delayMs < attempt.leftMs && verdict.delayMs <= maxMs && verdict.delayMs >= 0);
    }),
  );
});

test('a hedge needs an attempt left, time left, and timeouts that are retried', () => {
  assert.equal(mayHedge(policy, 2, 1), true);
  assert.equal(mayHedge(policy, 3, 1), false);
  assert.equal(mayHedge(policy, 2, 0), false);
  assert.equal(mayHedge({ ...policy, retryOn: ['unsent', 'lost'] }, 2, 1), false);
});

test('the delay is the base delay, twice that, four times that', () => {
  const wide = { ...policy, attempts: 9, backoff: { baseMs: 10, maxMs: 1_000 } };
  const delays = [1, 2, 3, 4].map((attempts) => afterFailure(wide, { ...timedOut, attempts }, half, yes));
  assert.deepEqual(
    delays,
    [5, 10, 20, 40].map((delayMs) => ({ kind: 'retry', delayMs })),
  );
});

test('a retry that would start at the very deadline is denied', () => {
  const due = { ...timedOut, leftMs: 12.5 };
  assert.deepEqual(afterFailure(policy, due, half, yes), { kind: 'linger', denied: 'deadline' });
});
