import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Attempt } from '../../../src/proxy/attempt.ts';
import { type Late, Patience } from '../../../src/proxy/patience.ts';

const TIMEOUT_MS = 100;
const MOST = 2;

/** Late attempts, by when they were sent; before that nothing had been answered. */
function late(...sentMs: number[]): Late {
  const attempts = sentMs.map((ms) => ({ sentMs: ms, answersBefore: 0 }) as Attempt);
  return { oldest: attempts[0], newest: attempts.at(-1) };
}

test('a late reply is expected for two and a half times as long as the last one took', () => {
  const patience = new Patience(TIMEOUT_MS, MOST);
  assert.equal(patience.expectedSinceMs(1_000), 1_000, 'nothing is known');
  patience.answered(0, 200);
  assert.equal(patience.expectedSinceMs(1_000), 500);
  patience.renew();
  assert.equal(patience.expectedSinceMs(1_000), 1_000);
});

test('an attempt overtaken by three rounds gives up its place two timeouts after it was sent, the oldest first', () => {
  const patience = new Patience(TIMEOUT_MS, MOST);
  const all = late(0, 10);
  for (let answers = 1; answers <= 3 * MOST; answers++) {
    assert.equal(patience.toForget(all, false, 250), undefined, 'they may be next');
    patience.answered(10 * answers, 250);
  }
  assert.equal(patience.toForget(all, false, 250), all.oldest);
  assert.equal(patience.toForget(late(51, 60), false, 250), undefined, 'they may be slow beside quick ones');
});

test('at an endpoint that was mute for two timeouts, the newest late attempt gives up its place for one probe', () => {
  const patience = new Patience(TIMEOUT_MS, MOST);
  const all = late(50, 60);
  const only = all.oldest;
  assert.equal(patience.toForget({ oldest: only, newest: only }, true, 250), undefined, 'it is the only one');
  assert.equal(patience.toForget(all, true, 249), undefined);
  assert.equal(patience.toForget(all, true, 250), all.newest);
  assert.equal(patience.toForget(all, false, 250), undefined, 'one is probing');
  patience.answered(0, 200);
  assert.equal(patience.toForget(all, true, 399), undefined);
  assert.equal(patience.toForget(all, true, 400), all.newest);
});

test('without late attempts, none gives up its place', () => {
  assert.equal(new Patience(TIMEOUT_MS, MOST).toForget(late(), true, 1_000), undefined);
});

test('only what was answered since an attempt was sent has overtaken it', () => {
  const patience = new Patience(TIMEOUT_MS, MOST);
  for (let answers = 0; answers < 10; answers++) patience.answered(0, 10);
  const oldest = { sentMs: 20, answersBefore: 10 } as Attempt;
  const all = { oldest, newest: oldest };
  for (let answers = 0; answers < 3 * MOST; answers++) {
    assert.equal(patience.toForget(all, false, 250), undefined);
    patience.answered(200, 240);
  }
  assert.equal(patience.toForget(all, false, 250), oldest);
});

test('how long a reply took counts from when its attempt was sent', () => {
  const patience = new Patience(TIMEOUT_MS, MOST);
  patience.answered(900, 940);
  assert.equal(patience.expectedSinceMs(1_000), 900);
});

test('other settings say how long two timeouts are, and how many attempts make three rounds', () => {
  const patience = new Patience(10 * TIMEOUT_MS, 10 * MOST);
  patience.adjust(TIMEOUT_MS, MOST);
  const all = late(50, 60);
  assert.equal(patience.toForget(all, true, 250), all.newest);
  for (let answers = 0; answers < 3 * MOST; answers++) {
    patience.answered(200, 240);
    assert.equal(patience.toForget(all, true, 250), answers < 3 * MOST - 1 ? undefined : all.oldest);
  }
});
