import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StartError } from '../../../src/errors.ts';
import { watchDescriptors } from '../../../src/ops/descriptors.ts';
import type { Log } from '../../../src/ops/log/log.ts';

function watch(answers: readonly boolean[], exitAfterMs: number) {
  const lines: string[] = [];
  const stop = new AbortController();
  let asked = 0;
  const log = {
    info: (line: string) => lines.push(line),
    error: (line: string) => lines.push(line),
  } as unknown as Log;
  const isLeft = () => {
    if (asked === answers.length - 1) stop.abort();
    return answers[Math.min(asked++, answers.length - 1)] ?? true;
  };
  const watching = watchDescriptors({ log, isLeft, everyMs: 1, exitAfterMs }, stop.signal);
  return { lines, watching };
}

test('running out of descriptors is logged once, and so is the recovery', async () => {
  const { lines, watching } = watch([true, false, false, false, true, true, false], 60_000);
  await watching;
  assert.equal(lines.length, 3, lines.join('\n'));
  assert.match(lines[0] ?? '', /^no file descriptors left/);
  assert.equal(lines[1], 'file descriptors are available again');
  assert.equal(lines[2], lines[0]);
});

test('it gives up if there are none for a long time', async () => {
  const { watching } = watch(Array(100_000).fill(false), 20);
  await assert.rejects(watching, StartError);
});
