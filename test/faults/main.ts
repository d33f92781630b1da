/*
 * npm run test:faults runs every fault at full length and writes a table of what it measured, including what was skipped or
 * failed. Exits with 1 if anything failed or, with --all, was skipped. With names of files (npm run test:faults -- network
 * leaving) it runs only those files and replaces only their rows.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ON_TRANSPORT, RESULTS_PAGE } from '../support/chosen-transport.ts';
import { commit } from '../support/commit.ts';

const HERE = fileURLToPath(new URL('./', import.meta.url));
const RESULTS = `${HERE}${RESULTS_PAGE}`;
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

The faults that \`npm run test:faults\` injected into a sidecar process${ON_TRANSPORT}, and what it measured. Each line is a test that fails if a
promise is broken. A short version of each runs in \`npm test\`. The command writes this page.

Descriptors are compared when the sidecar is idle and has closed the connections that it no longer needs. These tests tell it to close
them at once; otherwise it does so after a minute.

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
  // A file that exits before its tests have finished fails under its own name.
  failed.push({
    title: name.replace(HERE, ''),
    came: cause instanceof Error ? cause.message : String(cause),
  });
});
// The runner reports a test's figures after it reports that the test passed.
tests.on('test:diagnostic', ({ message }) => {
  const row = ran.findLast(({ title }) => message.startsWith(`${title}: `));
  if (row !== undefined) row.came = message.slice(row.title.length + 2);
});
tests.compose(spec).pipe(process.stdout);
await new Promise((resolve) => tests.once('close', resolve));

if (others.size > 0) keepOthers();
// A test without figures does not inject a fault.
const faults = ran.filter(({ came }) => came !== '');
const parts = [
  HEAD,
  `${names.length === 0 ? 'All files ran' : `Last run: only ${names.join(', ')},`} at ${commit()}.\n`,
  table('fault', 'result', faults),
  ...(failed.length > 0 ? [`${FAILED}\n`, table('fault', 'reason', failed)] : []),
  ...(skipped.length > 0 ? [`${SKIPPED}\n`, table('fault', 'reason', skipped)] : []),
];
writeFileSync(RESULTS, parts.join('\n'));
console.log(
  `${faults.length} faults, ${failed.length} failed, ${skipped.length} skipped: test/faults/${RESULTS_PAGE}`,
);
process.exitCode = failed.length > 0 || (values.all && skipped.length > 0) ? 1 : 0;

/** The names of these files, which do not run now, and the titles of their tests. */
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

/** Keeps the rows of tests that did not run this time, if the tests still exist. */
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

/** The first line, with `|` escaped. */
function cell(text: string): string {
  return text.trim().split('\n', 1)[0]?.replaceAll('|', '\\|') ?? '';
}
