import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Bag } from '../../../src/proxy/bag.ts';

test('a bag holds the same items as a Set after any sequence of adds and deletes', () => {
  const step = fc.record({ add: fc.boolean(), which: fc.nat(9) });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const items = Array.from({ length: 10 }, () => ({ index: 0 }));
      const [bag, set] = [new Bag<{ index: number }>(), new Set<{ index: number }>()];
      for (const { add, which } of steps) {
        const item = items[which];
        assert.ok(item);
        if (!add) assert.equal(bag.delete(item), set.delete(item));
        else if (!set.has(item)) {
          bag.add(item);
          set.add(item);
        }
        assert.deepEqual(new Set(bag.items), set);
        assert.equal(bag.items.length, set.size);
        for (const one of items) assert.equal(bag.has(one), set.has(one));
      }
    }),
  );
});
