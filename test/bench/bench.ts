/*
 * Measures what the README claims. `npm run bench` runs all of it (about four minutes), `npm run bench -- NAME...` some of it.
 */
import { idle } from './idle.ts';
import { isolation } from './isolation.ts';
import { kills } from './kills.ts';
import { throughput } from './throughput.ts';

/** One measurement. It prints what it finds; what it has started ends with its scope. */
export type Benchmark = (scope: { after(end: () => unknown): void }) => Promise<void>;

const BENCHMARKS: Record<string, Benchmark> = { idle, throughput, isolation, kills };

const names = process.argv.slice(2);
for (const name of names.length > 0 ? names : Object.keys(BENCHMARKS)) {
  const benchmark = BENCHMARKS[name];
  if (benchmark === undefined)
    throw new Error(`no benchmark ${name}: there are ${Object.keys(BENCHMARKS).join(', ')}`);
  console.log(`\n## ${name}\n`);
  const ends: (() => unknown)[] = [];
  try {
    await benchmark({ after: (end) => ends.push(end) });
  } finally {
    for (const end of ends.reverse()) await end();
  }
}
