import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { atEndOfTurn } from '../../../src/transport/zmtp/turn.ts';

test('what is to be done at the end of a turn is done once, in order, and by one immediate', async (t) => {
  const immediates = t.mock.method(globalThis, 'setImmediate').mock;
  const done: string[] = [];
  for (const turn of ['1', '2', '3']) {
    const before = immediates.callCount();
    for (const name of ['a', 'b', 'c']) atEndOfTurn(() => done.push(turn + name));
    assert.equal(immediates.callCount() - before, 1);
    await nextTurn();
  }
  assert.deepEqual(done, ['1a', '1b', '1c', '2a', '2b', '2c', '3a', '3b', '3c']);
});

test('what is added at the end of a turn waits for the end of the next one', async () => {
  const done: number[] = [];
  let turn = 0;
  const again = () => {
    done.push(turn);
    if (done.length < 4) atEndOfTurn(again);
  };
  atEndOfTurn(again);
  for (; turn < 4; turn++) await nextTurn();
  assert.deepEqual(done, [0, 1, 2, 3]);
});
