/*
 * npm run test:faults: every fault in its whole length, and a table of what was measured. What was skipped or has failed is in
 * it too. Ends with 1 where anything failed, or, with --all, was skipped. With names of files (npm run test:faults -- network
 * leaving) only those run, and their rows take the place of those before.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { commit } from '../support/commit.ts';

const HERE = fileURLToPath(new URL('./', import.meta.url));
const RESULTS = `${HERE}RESULTS.md`;
const FAILED = '## Failed';
const SKIPPED = '## Not injected here';
const MACHINE = [
  `${availableParallelism()} cores (${cpus()[0]?.model.trim()})`,
  `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
  `${type()} ${release()}`,
  `Node ${process.version}`,
  process.getuid?.() === 0 ? 'as root' : 'not as root',
].join(', ');
const HEAD = `# Faults

What \`npm run test:faults\` injected into a sidecar process, and what it measured. Every line is a test that fails if a promise is
broken; a short form of each runs in \`npm test\`. This page is written by that command.

Descriptors are compared once the sidecar is at rest and has closed the connections that it does not need any more, which it is told to do
at once here; by itself it does so after a minute.

Apps, sidecar and upstreams shared one machine: ${MACHINE}.
`;

interface Row {
  title: string;
  came: string;
}

const ran: Row[] = [];
const failed: Row[] = [];
const skipped: Row[] = [];
const { values, positionals: names } = parseArgs({
  options: { all: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const all = globSync(`${HERE}*.test.ts`).sort();
const isChosen = (file: string) =>
  names.length === 0 || names.some((name) => file.endsWith(`/${name}.test.ts`));
const others = await titlesOf(all.filter((file) => !isChosen(file)));

process.env['LAZYPIRATE_FAULTS'] = 'full';
const tests = run({ files: all.filter(isChosen), concurrency: 1, timeout: 1_200_000 });
tests.on('test:pass', ({ name, skip }) => {
  if (skip === undefined) ran.push({ title: name, came: '' });
  else skipped.push({ title: name, came: String(skip) });
});
tests.on('test:fail', ({ name, details }) => {
  const cause = details.error.cause;
  // A file that ends before its tests have ended fails under its own name.
  failed.push({
    title: name.replace(HERE, ''),
    came: cause instanceof Error ? cause.message : String(cause),
  });
});
// The figures of a test come after the word that it has passed.
tests.on('test:diagnostic', ({ message }) => {
  const row = ran.findLast(({ title }) => message.startsWith(`${title}: `));
  if (row !== undefined) row.came = message.slice(row.title.length + 2);
});
tests.compose(spec).pipe(process.stdout);
await new Promise((resolve) => tests.once('close', resolve));

if (others.size > 0) keepOthers();
// A test without figures is none of a fault.
const faults = ran.filter(({ came }) => came !== '');
const parts = [
  HEAD,
  `${names.length === 0 ? 'All ran' : `Of the files, ${names.join(', ')} ran last,`} at ${commit()}.\n`,
  table('fault', 'what came of it', faults),
  ...(failed.length > 0 ? [`${FAILED}\n`, table('fault', 'why', failed)] : []),
  ...(skipped.length > 0 ? [`${SKIPPED}\n`, table('fault', 'why not', skipped)] : []),
];
writeFileSync(RESULTS, parts.join('\n'));
console.log(
  `${faults.length} faults, ${failed.length} failed, ${skipped.length} skipped: test/faults/RESULTS.md`,
);
process.exitCode = failed.length > 0 || (values.all && skipped.length > 0) ? 1 : 0;

/** The titles of the tests of these files, which do not run, and their names, under which they fail as a whole. */
async function titlesOf(files: readonly string[]): Promise<Set<string>> {
  const titles = new Set(files.map((file) => file.replace(HERE, '')));
  if (files.length === 0) return titles;
  process.env['LAZYPIRATE_FAULTS'] = 'list';
  const listing = run({ files });
  listing.on('test:pass', ({ name }) => titles.add(name));
  listing.resume();
  await new Promise((resolve) => listing.once('close', resolve));
  return titles;
}

/** What did not run this time stays as it was, where its test is still there. */
function keepOthers(): void {
  if (!existsSync(RESULTS)) return;
  let rows = ran;
  for (const line of readFileSync(RESULTS, 'utf8').split('\n')) {
    if (line === FAILED) rows = failed;
    else if (line === SKIPPED) rows = skipped;
    const [, title = '', came = ''] = /^\| (.*?) \| (.*) \|$/.exec(line) ?? [];
    if (others.has(title)) rows.push({ title, came: came.replaceAll('\\|', '|') });
  }
}

function table(what: string, came: string, rows: readonly Row[]): string {
  const lines = rows
    .toSorted((a, b) => a.title.localeCompare(b.title, 'en'))
    .map((row) => `| ${cell(row.title)} | ${cell(row.came)} |`);
  return `| ${what} | ${came} |\n|---|---|\n${lines.join('\n')}\n`;
}

/** One line, which does not end a cell. */
function cell(text: string): string {
  return text.trim().split('\n', 1)[0]?.replaceAll('|', '\\|') ?? '';
}
