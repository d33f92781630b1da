import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Shell, shellSkip } from './pasted.ts';
import { scratch } from './scratch.ts';

test('who waits for a line of a program that has ended is told what it printed', {
  skip: shellSkip(),
  timeout: 300_000,
}, async (t) => {
  const shell = new Shell(t, scratch());
  shell.paste('sh -c "echo no such order >&2; exit 1" &\n');
  shell.needsLast('the app');
  await assert.rejects(shell.prints(/^order (1)$/), /the app has ended:\nno such order/);
  await shell.leave();
});
