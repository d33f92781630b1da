/* npm run test:foreign tests each implementation that .ci/foreign has built, and writes what came of it to README.md. */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { TRANSPORT } from '../support/chosen-transport.ts';
import { scratch } from '../support/scratch.ts';
import { PEERS } from './peers.ts';
import { page, type Results } from './table.ts';

const HERE = fileURLToPath(new URL('./', import.meta.url));
const folder = scratch();
process.env['INTEROP_RESULTS'] = folder;

const files = PEERS.map(({ id }) => `${HERE}${id}.test.ts`);
const missing = files.filter((file) => globSync(file).length === 0);
if (missing.length > 0) throw new Error(`there is no ${missing.join(', ')}`);
const tests = run({ files, concurrency: 2, timeout: 600_000 });
let isWhole = true;
tests.on('test:fail', () => {
  isWhole = false;
});
tests.on('test:pass', ({ skip }) => {
  if (skip !== undefined) isWhole = false;
});
for await (const chunk of tests.compose(spec)) process.stdout.write(chunk);

if (TRANSPORT !== 'zmtp') {
  console.error(`README.md is as it was: it is not about ${TRANSPORT}`);
  process.exitCode = isWhole ? 0 : 1;
} else if (isWhole) {
  const results = PEERS.map(({ id }) => [
    id,
    JSON.parse(readFileSync(join(folder, `${id}.json`), 'utf8')) as Results,
  ]);
  writeFileSync(`${HERE}README.md`, page(Object.fromEntries(results)));
} else {
  console.error('README.md is as it was: tests have failed or were skipped');
  process.exitCode = 1;
}
