import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { commandLine } from '../../../src/command-line.ts';
import { until } from '../../support/until.ts';

/** A terminal whose reader takes nothing until it is told to. */
function slowTerminal(interrupted: AbortSignal) {
  const written: string[] = [];
  let read: (() => void) | undefined;
  const stdout = new Writable({
    write(chunk, _, done) {
      written.push(String(chunk));
      read = done;
    },
  });
  const stderr = new Writable({ write: (_, __, done) => done() });
  const nothing = () => undefined;
  const hooks = { onHangup: nothing, onUserSignal: nothing, onExit: nothing, endWithin: nothing };
  const terminal = { env: {}, stdin: process.stdin, stdout, stderr, interrupted, ...hooks, node: '' };
  return {
    terminal: { ...terminal, self: [''] as [string] },
    written,
    read: () => read?.(),
  };
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await setImmediate();
}

test('a command is over when its reader has everything, however slow it is', async () => {
  const { terminal, written, read } = slowTerminal(new AbortController().signal);
  let isOver = false;
  const running = commandLine(['schema'], terminal).then((code) => {
    isOver = true;
    return code;
  });
  await until('the schema', () => written.length > 0);
  await turns();
  assert.equal(isOver, false);
  read();
  await turns();
  read();
  assert.equal(await running, 0);
});

test('a command whose reader takes nothing can be interrupted', async () => {
  const interrupt = new AbortController();
  const { terminal, written } = slowTerminal(interrupt.signal);
  const running = commandLine(['schema'], terminal);
  await until('the schema', () => written.length > 0);
  await turns();
  interrupt.abort();
  assert.equal(await running, 0);
});
