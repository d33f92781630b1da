import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConcurrencyLimit } from '../../../../src/proxy/upstream/concurrency-limit.ts';

const TIMEOUT_MS = 100;

function limitOf(inFlightPerEndpoint: number, adaptive = true): ConcurrencyLimit {
  return new ConcurrencyLimit(adaptive, inFlightPerEndpoint, TIMEOUT_MS);
}

test('it starts at the maximum, and a timeout sets it to half of what was in flight', () => {
  const limit = limitOf(64);
  assert.equal(limit.value, 64);
  limit.overdue(0, 100, 40);
  assert.equal(limit.value, 20);
});

test('timeouts of attempts sent before a cut do not cut it again', () => {
  const limit = limitOf(64);
  limit.overdue(0, 100, 64);
  limit.overdue(50, 150, 64);
  assert.equal(limit.value, 32);
  limit.overdue(100, 200, 32);
  assert.equal(limit.value, 16);
});

test('it grows by one with each round of quick replies, while it is in use', () => {
  const limit = limitOf(8);
  limit.overdue(0, 100, 4);
  for (const expected of [3, 4, 5]) {
    for (let replies = 0; replies <= expected - 1; replies++) limit.answered(TIMEOUT_MS / 2, limit.value);
    assert.equal(limit.value, expected);
  }
  for (let replies = 0; replies < 100; replies++) limit.answered(TIMEOUT_MS / 2, limit.value - 1);
  assert.equal(limit.value, 5, 'not in use');
});

test('replies that are in time but not quick count a tenth', () => {
  const limit = limitOf(8);
  limit.overdue(0, 100, 4);
  for (let replies = 0; replies < 19; replies++) limit.answered(TIMEOUT_MS / 2 + 1, limit.value);
  assert.equal(limit.value, 2);
  for (let replies = 0; replies < 7; replies++) limit.answered(TIMEOUT_MS / 2 + 1, limit.value);
  assert.equal(limit.value, 3);
});

test('it is always a whole number from one to the maximum', () => {
  const event = fc.record({
    isReply: fc.boolean(),
    elapsedMs: fc.nat(200),
    inFlight: fc.integer({ min: 1, max: 20 }),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 16 }), fc.array(event), (most, events) => {
      const limit = limitOf(most);
      events.forEach(({ isReply, elapsedMs, inFlight }, at) => {
        if (isReply) limit.answered(elapsedMs, inFlight);
        else limit.overdue(at * 50, at * 50 + 100, inFlight);
        assert.ok(Number.isInteger(limit.value) && limit.value >= 1 && limit.value <= most);
      });
    }),
  );
});

test('with adaptive: false it never changes', () => {
  const limit = limitOf(8, false);
  limit.overdue(0, 100, 8);
  assert.equal(limit.value, 8);
});

test('other settings leave an endpoint held back, as far as they go, unless nothing is to be held back any more', () => {
  const limit = limitOf(64);
  limit.adjust(true, 32, TIMEOUT_MS);
  assert.equal(limit.value, 32, 'it was at the most, and is again');
  limit.adjust(true, 64, TIMEOUT_MS);
  limit.overdue(0, 100, 40);
  limit.adjust(true, 128, TIMEOUT_MS);
  assert.equal(limit.value, 20);
  limit.adjust(true, 8, TIMEOUT_MS);
  assert.equal(limit.value, 8);
  limit.overdue(200, 300, 8);
  limit.adjust(false, 8, TIMEOUT_MS);
  assert.equal(limit.value, 8);
});

test('other settings say at once whether it adapts, and which replies are quick', () => {
  const limit = limitOf(8, false);
  limit.adjust(true, 8, 1_000);
  limit.overdue(0, 100, 4);
  assert.equal(limit.value, 2);
  for (let replies = 0; replies < 3; replies++) limit.answered(500, limit.value);
  assert.equal(limit.value, 3);
});

test('one attempt is always allowed, even if that one timed out', () => {
  const limit = limitOf(8);
  limit.overdue(0, 100, 1);
  assert.equal(limit.value, 1);
});
