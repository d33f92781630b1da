/*
 * `npm test`: runs test files, some at a time, and shows how far they are (support/progress.ts).
 *
 *     node test/main.ts [FILE...]    test files, or patterns; the whole suite by default
 */
import { globSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { inOrder } from './support/order.ts';
import Progress from './support/progress.ts';
import { together } from './support/together.ts';

const ALL = 'test/**/*.test.ts';
/** Of one file. It is there for a test that hangs. */
const TIMEOUT_MS = 1_200_000;
/** Many tests wait for a while, and use no CPU meanwhile: on two cores with four files at once a fifth of their time was idle. */
const AT_ONCE = 2 * availableParallelism() + 2;

// For test files and all that they start: processes start in half the time. It is where Node itself would keep it, and outlives `npm ci`.
process.env['NODE_COMPILE_CACHE'] ??= join(tmpdir(), 'node-compile-cache');
const patterns = process.argv.slice(2);
const files = together(inOrder(globSync(patterns.length > 0 ? patterns : ALL)));
if (files.length === 0) throw new Error(`no test file matches ${patterns.join(' ')}`);
const tests = run({ files, concurrency: AT_ONCE, timeout: TIMEOUT_MS });
tests.on('test:summary', ({ file, success }) => {
  if (file === undefined && !success) process.exitCode = 1;
});
tests.compose(new Progress(files)).pipe(process.stdout);
