import assert from 'node:assert/strict';
import { test } from 'node:test';
import { takeTraceParent } from '../../../../src/proxy/request/trace-parent.ts';
import { bodyOf, framesOf } from '../../../../src/transport/message.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const PARENT = `00-${TRACE}-${SPAN}-01`;

function take(frames: readonly string[], index = 0, isStripped = true) {
  const body = bodyOf(frames.map((frame) => Buffer.from(frame)));
  const taken = takeTraceParent(body, { index, isStripped });
  return { parent: taken.parent, frames: framesOf(taken.body.chunks).map(String) };
}

test('the trace of a request is read from its frame, which goes no further if that is wanted', () => {
  const parent = { traceId: TRACE, spanId: SPAN, isSampled: true };
  assert.deepEqual(take([PARENT, 'a', 'b']), { parent, frames: ['a', 'b'] });
  assert.deepEqual(take(['a', PARENT, 'b'], 1), { parent, frames: ['a', 'b'] });
  assert.deepEqual(take(['a', 'b', PARENT], 2), { parent, frames: ['a', 'b'] });
  assert.deepEqual(take([PARENT, 'a'], 0, false), { parent, frames: [PARENT, 'a'] });
});

test('a request is never left without a frame', () => {
  const { parent, frames } = take([PARENT]);
  assert.equal(parent?.traceId, TRACE);
  assert.deepEqual(frames, [PARENT]);
});

test('the flags say whether the parent was sampled', () => {
  for (const [flags, isSampled] of [
    ['00', false],
    ['01', true],
    ['02', false],
    ['03', true],
    ['ff', true],
  ] as const)
    assert.equal(take([`00-${TRACE}-${SPAN}-${flags}`, 'a']).parent?.isSampled, isSampled, flags);
});

test('a later version may add something, version 00 may not', () => {
  assert.equal(take([`cc-${TRACE}-${SPAN}-01-what-will-be`, 'a']).parent?.spanId, SPAN);
  assert.equal(take([`00-${TRACE}-${SPAN}-01-what-is-not`, 'a']).parent, undefined);
  assert.equal(take([`cc-${TRACE}-${SPAN}-01.what`, 'a']).parent, undefined);
});

test('a frame that is no traceparent is a frame like the others', () => {
  for (const frame of [
    '',
    'a',
    PARENT.slice(0, -1),
    `${PARENT}0`,
    ` ${PARENT}`,
    `${PARENT}\n`,
    PARENT.toUpperCase(),
    `ff-${TRACE}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `cc-${TRACE}-${SPAN}-01-${'x'.repeat(256)}`,
  ])
    assert.deepEqual(take([frame, 'a']), { parent: undefined, frames: [frame, 'a'] }, frame);
  assert.deepEqual(take(['a', 'b'], 2), { parent: undefined, frames: ['a', 'b'] });
});
