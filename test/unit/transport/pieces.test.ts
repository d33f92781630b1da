import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pieces } from '../../../src/transport/zmtp/pieces.ts';

const BLOCK = 4_096;
const textOf = (pieces: Pieces) => Buffer.concat(pieces.take()).toString();

test('what was added comes out in order, once', () => {
  const pieces = new Pieces();
  const large = Buffer.alloc(BLOCK, 'L');
  pieces.add(Buffer.from('xab'), 1, 3);
  pieces.add(large, 0, BLOCK);
  pieces.add(Buffer.from('xyc'), 2, 3);
  assert.equal(textOf(pieces), `ab${large}c`);
  assert.deepEqual(pieces.take(), []);
});

test('what was dropped does not come out with what is added later', () => {
  const pieces = new Pieces();
  pieces.add(Buffer.from('old'), 0, 3);
  pieces.add(Buffer.alloc(BLOCK), 0, BLOCK);
  pieces.add(Buffer.from('old'), 0, 3);
  pieces.clear();
  pieces.add(Buffer.from('new'), 0, 3);
  assert.equal(textOf(pieces), 'new');
});

test('pieces are copies, and small ones share a block as long as they fit', () => {
  const pieces = new Pieces();
  const chunk = Buffer.alloc(2 * BLOCK, 'L');
  pieces.add(chunk, BLOCK, 2 * BLOCK);
  for (const from of [0, BLOCK / 2]) pieces.add(chunk, from, from + BLOCK / 2);
  pieces.add(chunk, 0, 1);
  pieces.add(chunk, 5, 5);
  chunk.fill('x');
  assert.deepEqual(pieces.take().map(String), ['L'.repeat(BLOCK), 'L'.repeat(BLOCK), 'L']);
});

test('no bytes are no piece', () => {
  const pieces = new Pieces();
  pieces.add(Buffer.from('a'), 1, 1);
  assert.deepEqual(pieces.take(), []);
});
