import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Slots } from '../../../../src/proxy/upstream/slots.ts';

test('an item is found by the number of its slot until it is deleted, and the slot is used again', () => {
  const slots = new Slots<string>();
  const [a, b, c] = ['a', 'b', 'c'].map((item) => slots.add(item)) as [number, number, number];
  assert.deepEqual([slots.at(a), slots.at(b), slots.at(c)], ['a', 'b', 'c']);
  slots.delete(b);
  slots.delete(b);
  assert.deepEqual([slots.size, slots.at(b), slots.all], [2, undefined, ['a', 'c']]);
  assert.equal(slots.add('d'), b);
  assert.deepEqual([slots.clear(), slots.size, slots.all], [['a', 'd', 'c'], 0, []]);
});
