import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineLimiter } from '../../../../src/ops/log/line-limiter.ts';

test('the limiter starts a new window when the old one is over and nothing was suppressed', () => {
  const limiter = new LineLimiter(1_000);
  assert.deepEqual(limiter.take('a', 1, 0), { kind: 'pass' });
  assert.deepEqual(limiter.take('a', 1, 1_000), { kind: 'pass' });
  assert.deepEqual(limiter.take('a', 1, 1_400), { kind: 'suppress', isFirst: true, leftMs: 600 });
  assert.deepEqual(limiter.take('a', 1, 1_500), { kind: 'suppress', isFirst: false, leftMs: 500 });
});

test('the limiter keeps suppressing until it has reported what it suppressed', () => {
  const limiter = new LineLimiter(1_000);
  limiter.take('a', 1, 0);
  limiter.take('a', 1, 1);
  assert.equal(limiter.take('a', 1, 5_000).kind, 'suppress');
  assert.equal(limiter.end('a'), 2);
  assert.deepEqual(limiter.take('a', 1, 5_001), { kind: 'pass' });
  assert.equal(limiter.end('unknown'), 0);
});

test('the limiter forgets routes that are gone, but nothing that it has not reported', () => {
  const limiter = new LineLimiter(1_000);
  limiter.take('untold', 1, 0);
  limiter.take('untold', 1, 0);
  for (let i = 0; i < 10_000; i++) limiter.take(`route ${i}`, 1, i);
  assert.ok(limiter.size <= 2_001 + 1, `${limiter.size}`);
  assert.equal(limiter.end('untold'), 1);
});
