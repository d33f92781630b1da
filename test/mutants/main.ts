/*
 * npm run test:mutants [-- PATH...] makes one small change at a time in the source, and runs the unit tests that run that place.
 * A change that no test notices is a survivor. No file on disk is changed.
 */
import { globSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { HARMLESS } from './harmless.ts';
import { type Mutation, mutationsOf } from './mutations.ts';
import type { Covered } from './one.ts';
import { runOne } from './run-one.ts';
import { type Fate, report } from './score.ts';
import { reaching } from './tests.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DEFAULT = ['src/proxy', 'src/transport/zmtp'];
/** What a mutated run may take: this, and so many times what it took unmutated, beside another one. */
const LIMIT_MS = 3_000;
const LIMIT_TIMES = 5;

interface TestFile {
  readonly url: string;
  readonly tookMs: number;
  readonly covered: Covered;
}

const paths = process.argv.length > 2 ? process.argv.slice(2) : DEFAULT;
const files = paths
  .flatMap((path) => (statSync(path).isDirectory() ? globSync(`${path}/**/*.ts`) : path))
  .map((path) => pathToFileURL(path).href);
const startMs = performance.now();

const tests: TestFile[] = [];
await each(reaching(files, globSync(`${ROOT}test/unit/**/*.test.ts`)), async (url) => {
  const ran = await runOne({ test: url }, 120_000);
  if (ran.kind === 'passed') tests.push({ url, ...ran });
  else throw new Error(`${url} fails without a change: ${ran.kind === 'failed' ? ran.output : ran.kind}`);
});

const mutants = files.flatMap((url) =>
  mutationsOf(readFileSync(new URL(url), 'utf8')).map((mutation) => ({ url, mutation })),
);
const fates: Fate[] = [];
await each(mutants, async ({ url, mutation }) => {
  const { mutated, ...change } = mutation;
  const file = relative(ROOT, fileURLToPath(url));
  fates.push({ file, ...change, kind: await fate(url, mutation) });
  if (process.stderr.isTTY) process.stderr.write(`\r${fates.length} of ${mutants.length} `);
});
const { text, isGood } = report(fates, HARMLESS);
console.log(`${text}\n${Math.round((performance.now() - startMs) / 1000)} s`);
process.exitCode = isGood ? 0 : 1;

async function fate(url: string, { at, mutated }: Mutation): Promise<Fate['kind']> {
  const own = `/${basename(url, '.ts')}.test.ts`;
  const running = tests
    .filter(({ covered }) => isRun(covered[url] ?? [], at))
    .sort((a, b) => Number(b.url.endsWith(own)) - Number(a.url.endsWith(own)) || a.tookMs - b.tookMs);
  for (const { url: test, tookMs } of running) {
    const ran = await runOne({ test, mutant: { url, source: mutated } }, LIMIT_MS + LIMIT_TIMES * tookMs);
    if (ran.kind !== 'passed') return ran.kind;
  }
  return running.length > 0 ? 'survived' : 'unrun';
}

function isRun(pieces: Covered[string], at: number): boolean {
  const around = pieces.filter(({ startOffset, endOffset }) => startOffset <= at && at < endOffset);
  const size = ({ startOffset, endOffset }: Covered[string][number]) => endOffset - startOffset;
  return (around.sort((a, b) => size(a) - size(b))[0]?.count ?? 0) > 0;
}

/** Does it for each, as many at a time as there are processors. */
async function each<T>(all: readonly T[], act: (one: T) => Promise<void>): Promise<void> {
  const rest = all.values();
  const lines = Array.from({ length: availableParallelism() }, async () => {
    for (const one of rest) await act(one);
  });
  await Promise.all(lines);
}
