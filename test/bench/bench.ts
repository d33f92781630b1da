/*
 * Measures what the README claims. `npm run bench` runs all of it (about a quarter of an hour), `npm run bench -- NAME...` some of it.
 */
import { endpoints } from './endpoints.ts';
import { goodput } from './goodput.ts';
import { hedge } from './hedge.ts';
import { idle } from './idle.ts';
import { isolation } from './isolation.ts';
import { kills } from './kills.ts';
import { kubernetes } from './kubernetes.ts';
import { outage } from './outage.ts';
import { reload } from './reload.ts';
import { rolling } from './rolling.ts';
import { subsets } from './subsets.ts';
import { throughput } from './throughput.ts';

/** One measurement. It prints what it finds; what it has started ends with its scope. */
export type Benchmark = (scope: { after(end: () => unknown): void }) => Promise<void>;

const BENCHMARKS: Record<string, Benchmark> = {
  idle,
  throughput,
  isolation,
  kills,
  rolling,
  outage,
  goodput,
  hedge,
  endpoints,
  reload,
  kubernetes,
  subsets,
};

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
