import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sizeOf, split, weightOf } from '../../../src/proxy/envelope.ts';

const empty = Buffer.alloc(0);
const filled = fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes) => Buffer.from(bytes));
const anyFrame = fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes));

test('the body starts after the first empty frame, whatever comes before it and however many frames follow', () => {
  fc.assert(
    fc.property(fc.array(filled), fc.array(anyFrame, { minLength: 1 }), (address, body) => {
      const frames = [...address, empty, ...body];
      const at = split(frames);
      assert.deepEqual(frames.slice(at), body);
      assert.deepEqual(frames.slice(0, at), [...address, empty]);
    }),
  );
});

test('a message without a delimiter, or with nothing after it, has no body', () => {
  fc.assert(
    fc.property(fc.array(filled), (frames) => {
      assert.equal(split(frames), -1);
      assert.equal(split([...frames, empty]), -1);
    }),
  );
});

test('an empty routing id is not taken for the delimiter', () => {
  assert.equal(split([empty, empty, Buffer.from('body')], 1), 2);
  assert.equal(split([empty, Buffer.from('x')], 1), -1);
});

test('the size counts the frames from an index on', () => {
  assert.equal(sizeOf([Buffer.alloc(3), empty, Buffer.alloc(5), Buffer.alloc(7)], 2), 12);
  assert.equal(sizeOf([]), 0);
});

test('a plain request counts as the size of its body; an envelope and extra frames add to it', () => {
  const id = Buffer.alloc(5);
  assert.equal(weightOf([id, empty], [Buffer.alloc(7)]), 7);
  assert.equal(weightOf([id, Buffer.alloc(1_000), empty], [Buffer.alloc(7)]), 1_007 + 384);
  assert.equal(weightOf([id, empty], Array(1_001).fill(empty)), 1_000 * 384);
  assert.equal(weightOf([], Array(1_003).fill(empty)), 1_000 * 384);
});
