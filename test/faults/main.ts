/* npm run test:faults: every fault in its whole length, and a table of what was measured. Ends as the tests end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('./', import.meta.url));
const HEAD = `# Faults

What \`npm run test:faults\` injected into a sidecar process, and what it measured. Every line is a test that fails if a promise is
broken; a short form of each runs in \`npm test\`. This page is written by that command.

| fault | what came of it |
|---|---|
`;

rmSync(`${HERE}.results`, { recursive: true, force: true });
const tests = globSync(`${HERE}*.test.ts`);
const run = spawn(process.execPath, ['--test', '--test-concurrency=1', '--test-timeout=1200000', ...tests], {
  stdio: 'inherit',
  env: { ...process.env, LAZYPIRATE_FAULTS: 'full' },
});
const [code] = await once(run, 'close');
const rows = globSync(`${HERE}.results/*.json`)
  .map((file) => JSON.parse(readFileSync(file, 'utf8')) as { title: string; figures: string })
  .sort((a, b) => a.title.localeCompare(b.title, 'en'))
  .map(({ title, figures }) => `| ${title} | ${figures} |`);
writeFileSync(`${HERE}RESULTS.md`, `${HEAD}${rows.join('\n')}\n`);
console.log(`${rows.length} faults: test/faults/RESULTS.md`);
process.exitCode = code ?? 1;
