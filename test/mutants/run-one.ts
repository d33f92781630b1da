import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Covered, Order } from './one.ts';

export type Ran =
  | { kind: 'passed'; covered: Covered; tookMs: number }
  | { kind: 'failed'; output: string }
  | { kind: 'endless' };

const ONE = fileURLToPath(new URL('./one.ts', import.meta.url));

/** Runs a test file in a process of its own, which an endless loop cannot hold up and which takes nothing over from the one before. */
export function runOne(order: Order, limitMs: number): Promise<Ran> {
  const startMs = performance.now();
  const { promise, resolve } = Promise.withResolvers<Ran>();
  let output = '';
  let covered: Covered | undefined;
  let isEndless = false;
  // A test of this tool runs under a test runner itself; the file is to be on its own.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = fork(ONE, { silent: true, env, execArgv: ['--max-old-space-size=256'] });
  const limit = setTimeout(() => {
    isEndless = true;
    child.kill('SIGKILL');
  }, limitMs);
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  child.on('message', (message: Covered) => {
    covered = message;
  });
  child.on('error', (error: unknown) => {
    output += `${error}\n`;
  });
  child.on('close', (code) => {
    clearTimeout(limit);
    if (isEndless) resolve({ kind: 'endless' });
    else if (covered === undefined || code !== 0) resolve({ kind: 'failed', output });
    else resolve({ kind: 'passed', covered, tookMs: performance.now() - startMs });
  });
  child.send(order);
  return promise;
}
