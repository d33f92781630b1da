import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pause, untilAborted } from '../../../src/lifecycle/pause.ts';

const DAY_MS = 24 * 3_600_000;

test('a pause that passes tells so, and one that is cut short ends at once and tells that', async () => {
  const stop = new AbortController();
  // A pause does not keep the process alive, but this test does.
  const alive = setInterval(() => undefined, DAY_MS);
  try {
    assert.equal(await pause(1, stop.signal), true);
    const cut = pause(DAY_MS, stop.signal);
    stop.abort();
    assert.equal(await cut, false);
    assert.equal(await pause(DAY_MS, stop.signal), false);
  } finally {
    clearInterval(alive);
  }
});

test('who waits for a signal hears of it, also if it aborted before', async () => {
  const stop = new AbortController();
  let isOver = false;
  const waiting = untilAborted(stop.signal).then(() => {
    isOver = true;
  });
  await Promise.resolve();
  assert.equal(isOver, false);
  stop.abort();
  await waiting;
  await untilAborted(stop.signal);
});
