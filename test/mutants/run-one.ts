import { Worker } from 'node:worker_threads';
import type { Covered, Order, Told } from './one.ts';

export type Ran =
  | { kind: 'passed'; covered: Covered; tookMs: number }
  | { kind: 'failed'; output: string }
  | { kind: 'endless' };

/** Runs a test file in a thread of its own, which an endless loop cannot hold up and which takes nothing over from the one before. */
export function runOne(order: Order, limitMs: number): Promise<Ran> {
  const startMs = performance.now();
  const { promise, resolve } = Promise.withResolvers<Ran>();
  let output = '';
  let told: Told | undefined;
  let isEndless = false;
  const worker = new Worker(new URL('./one.ts', import.meta.url), {
    workerData: order,
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: 256 },
  });
  const limit = setTimeout(() => {
    isEndless = true;
    void worker.terminate();
  }, limitMs);
  for (const stream of [worker.stdout, worker.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  worker.on('message', (message: Told) => {
    told = message;
  });
  worker.on('error', (error: unknown) => {
    output += `${error}\n`;
  });
  worker.on('exit', (code) => {
    clearTimeout(limit);
    if (isEndless) resolve({ kind: 'endless' });
    else if (told === undefined || code !== 0) resolve({ kind: 'failed', output });
    else resolve({ ...told, tookMs: performance.now() - startMs });
  });
  return promise;
}
