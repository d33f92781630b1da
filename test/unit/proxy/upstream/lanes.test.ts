import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lane } from '../../../../src/proxy/upstream/lane.ts';
import { Lanes } from '../../../../src/proxy/upstream/lanes.ts';

/** A lane that has been idle for this long, and lets a test see whether it is closed. */
function laneOf(kind: Lane['state']['kind'], idleMs: number) {
  const lane = {
    state: { kind },
    isOpen: true,
    idleMs: () => idleMs,
    close: () => {
      lane.isOpen = false;
    },
  };
  return lane;
}

function openOf(...lanes: ReturnType<typeof laneOf>[]) {
  const next = lanes.values();
  const all = new Lanes(
    () => next.next().value as unknown as Lane,
    () => undefined,
  );
  for (const _ of lanes) all.open();
  all.trim(60_000, 0);
  return lanes.map(({ isOpen }) => isOpen);
}

test('a lane that has long been idle is closed, unless no other one would be left that takes requests', () => {
  const idle = () => laneOf('ready', 60_000);
  assert.deepEqual(openOf(idle(), idle(), laneOf('ready', 59_999)), [true, false, true]);
  assert.deepEqual(openOf(laneOf('retired', 0), idle()), [true, true]);
  assert.deepEqual(openOf(laneOf('connecting', 0), idle(), idle()), [true, true, false]);
});
