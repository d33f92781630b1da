/* A process that runs one test file. It tells what was run if every test in it passes, and ends at the first that does not. */
import { once } from 'node:events';
import { Session } from 'node:inspector';
import { registerHooks } from 'node:module';
import { after, afterEach } from 'node:test';

export interface Order {
  readonly test: string;
  /** What to load in place of a file; without it, what the tests run is told. */
  readonly mutant?: { url: string; source: string };
}

/** A piece of a file, and how often it was run. Pieces are nested: the smallest one around a place counts. */
export interface Piece {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

/** What was run, by file. This is told if every test has passed. */
export type Covered = Record<string, Piece[]>;

// The parent sends one order, and then nothing: waiting for more must not keep this process alive.
const [{ test, mutant }] = (await once(process, 'message')) as [Order];
process.channel?.unref();
if (mutant !== undefined) {
  registerHooks({
    load: (url, context, next) =>
      url === mutant.url
        ? { format: 'module-typescript', source: mutant.source, shortCircuit: true }
        : next(url, context),
  });
}

const session = new Session();
if (mutant === undefined) {
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
}

afterEach((context) => {
  if ('passed' in context && !context.passed) process.exit(1);
});
// Nothing is left to do, so a test that still waits would wait for ever.
process.once('beforeExit', () => process.exit(hasPassed ? 0 : 1));
let hasPassed = false;
after(() => {
  hasPassed = true;
  const covered: Covered = {};
  if (mutant === undefined) {
    session.post('Profiler.takePreciseCoverage', (_, { result }) => {
      for (const { url, functions } of result) {
        if (url.includes('/src/')) covered[url] = functions.flatMap(({ ranges }) => ranges);
      }
    });
  }
  process.send?.(covered);
});
await import(test);
