import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { IndexedSet } from '../../../../src/proxy/client/indexed-set.ts';

test('an indexed set holds the same items as a Set after any sequence of adds and deletes', () => {
  const step = fc.record({ add: fc.boolean(), which: fc.nat(9) });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const items = Array.from({ length: 10 }, () => ({ index: 0 }));
      const [indexed, set] = [new IndexedSet<{ index: number }>(), new Set<{ index: number }>()];
      for (const { add, which } of steps) {
        const item = items[which];
        assert.ok(item);
        if (!add) assert.equal(indexed.delete(item), set.delete(item));
        else if (!set.has(item)) {
          indexed.add(item);
          set.add(item);
        }
        assert.deepEqual(new Set(indexed.items), set);
        assert.equal(indexed.items.length, set.size);
      }
    }),
  );
});
