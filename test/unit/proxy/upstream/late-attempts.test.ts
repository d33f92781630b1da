import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Attempt } from '../../../../src/proxy/upstream/attempt.ts';
import { LateAttempts } from '../../../../src/proxy/upstream/late-attempts.ts';

const TIMEOUT_MS = 100;
const MOST = 2;

/** An attempt that was sent at this time; before that nothing had been answered. */
function sentAt(sentMs: number): Attempt {
  return { sentMs, answersBefore: 0, older: undefined, newer: undefined } as Attempt;
}

/** Late attempts that were sent at these times. */
function start(...sentMs: number[]) {
  const late = new LateAttempts(TIMEOUT_MS, MOST);
  const attempts = sentMs.map(sentAt);
  for (const attempt of attempts) late.add(attempt);
  return { late, oldest: attempts[0], newest: attempts.at(-1) };
}

test('a late reply is expected for two and a half times as long as the last one took', () => {
  const { late } = start(499, 500, 501, 999);
  assert.equal(late.countExpected(1_000), 0, 'nothing is known');
  late.answered(0, 200);
  assert.equal(late.countExpected(1_000), 3, 'those sent since 500');
  late.renew();
  assert.equal(late.countExpected(1_000), 0);
});

test('an attempt overtaken by three rounds gives up its place two timeouts after it was sent, the oldest first', () => {
  const { late, oldest } = start(0, 10);
  for (let answers = 1; answers <= 3 * MOST; answers++) {
    assert.equal(late.toForget(false, 250), undefined, 'they may be next');
    late.answered(10 * answers, 250);
  }
  assert.equal(late.toForget(false, 250), oldest);
  assert.equal(late.toForget(false, 199), undefined, 'not before two timeouts');
  const quick = start(51, 60).late;
  for (let answers = 1; answers <= 3 * MOST; answers++) quick.answered(10 * answers, 250);
  assert.equal(quick.toForget(false, 250), undefined, 'they may be slow beside quick ones');
});

test('with other settings, other timeouts and rounds count', () => {
  const { late, oldest } = start(0);
  for (let answers = 1; answers <= 3 * MOST; answers++) late.answered(10 * answers, 250);
  late.adjust(2 * TIMEOUT_MS, MOST);
  assert.equal(late.toForget(false, 399), undefined);
  assert.equal(late.toForget(false, 400), oldest);
  late.adjust(TIMEOUT_MS, MOST + 1);
  assert.equal(late.toForget(false, 400), undefined);
});

test('at an endpoint that was mute for two timeouts, the newest late attempt gives up its place for one probe', () => {
  assert.equal(start(50).late.toForget(true, 250), undefined, 'it is the only one');
  const { late, newest } = start(50, 60);
  assert.equal(late.toForget(true, 249), undefined);
  assert.equal(late.toForget(true, 250), newest);
  assert.equal(late.toForget(false, 250), undefined, 'one is probing');
  late.answered(0, 200);
  assert.equal(late.toForget(true, 399), undefined);
  assert.equal(late.toForget(true, 400), newest);
});

test('without late attempts, none gives up its place', () => {
  assert.equal(start().late.toForget(true, 1_000), undefined);
});

test('the late attempts are in the order in which they were sent and are counted, whatever joins and leaves', () => {
  const step = fc.record({ sentMs: fc.nat(20), leaves: fc.option(fc.nat(20)), sinceMs: fc.nat(20) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const late = new LateAttempts(TIMEOUT_MS, MOST);
      const expected: Attempt[] = [];
      const checkCount = (sinceMs: number) => {
        const count = expected.filter((one) => one.sentMs >= sinceMs).length;
        assert.equal(late.countExpected(sinceMs + 10), count);
      };
      late.answered(0, 4);
      for (const { sentMs, leaves, sinceMs } of steps) {
        const attempt = sentAt(sentMs);
        late.add(attempt);
        const after = expected.findIndex((one) => one.sentMs > sentMs);
        expected.splice(after < 0 ? expected.length : after, 0, attempt);
        if (leaves !== null) {
          const [left] = expected.splice(leaves % expected.length, 1);
          assert.ok(left);
          late.remove(left);
          assert.deepEqual([left.older, left.newer], [undefined, undefined]);
        }
        assert.equal(late.size, expected.length);
        for (const [index, one] of expected.entries()) {
          assert.equal(one.older, expected[index - 1]);
          assert.equal(one.newer, expected[index + 1]);
        }
        // Some steps pass before they are counted again.
        if (sinceMs < 10) checkCount(sinceMs);
      }
      for (let sinceMs = 0; sinceMs <= 20; sinceMs++) checkCount(sinceMs);
    }),
  );
});

test('only what was answered since an attempt was sent has overtaken it', () => {
  const late = new LateAttempts(TIMEOUT_MS, MOST);
  for (let answers = 0; answers < 10; answers++) late.answered(0, 10);
  const attempt = sentAt(20);
  attempt.answersBefore = late.answers;
  late.add(attempt);
  for (let answers = 0; answers < 3 * MOST; answers++) {
    assert.equal(late.toForget(false, 250), undefined);
    late.answered(200, 240);
  }
  assert.equal(late.toForget(false, 250), attempt);
});

test('how long a reply took counts from when its attempt was sent', () => {
  const { late } = start(899, 900);
  late.answered(900, 940);
  assert.equal(late.countExpected(1_000), 1);
});
