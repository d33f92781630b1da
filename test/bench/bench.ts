/*
 * Measures what the README claims. `npm run bench` compares lazypirate with its alternatives (ten minutes), `npm run bench NAME...`
 * runs the named benchmarks, and `npm run bench all` runs all of them. `npm run bench -- --quick` and `--full` make the comparison
 * shorter or complete.
 */
import { parseArgs } from 'node:util';
import { end } from '../support/arguments.ts';
import { contest } from './contest.ts';
import { endpoints } from './endpoints.ts';
import { failover } from './failover.ts';
import { footprint } from './footprint.ts';
import { printGoals } from './goals.ts';
import { goodput } from './goodput.ts';
import { growth } from './growth.ts';
import { guard } from './guard.ts';
import { hedge } from './hedge.ts';
import { isolation } from './isolation.ts';
import { kills } from './kills.ts';
import { outage } from './outage.ts';
import { Part } from './part.ts';
import { reload } from './reload.ts';
import { rolling } from './rolling.ts';
import { subsets } from './subsets.ts';
import { throughput } from './throughput.ts';

export type Extent = 'full' | 'quick' | 'usual';

/** One benchmark. It prints its results. Whatever it starts ends with its scope. */
export type Benchmark = (scope: { after(end: () => unknown): void }, extent: Extent) => Promise<void>;

const BENCHMARKS: Record<string, Benchmark> = {
  contest,
  failover,
  footprint,
  growth,
  guard,
  throughput,
  isolation,
  kills,
  rolling,
  outage,
  goodput,
  hedge,
  endpoints,
  reload,
  subsets,
  goals: async () => printGoals(),
};

const USAGE = `usage: npm run bench -- [--quick | --full] [NAME...]
NAME is one of: all, ${Object.keys(BENCHMARKS).join(', ')}`;

function parse() {
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({ allowPositionals: true, options: { full: flag, quick: flag, help: flag } });
  } catch (error) {
    return end(`${error instanceof Error ? error.message : error}\n${USAGE}`, 2);
  }
}

const { values, positionals } = parse();
if (values.help) end(USAGE, 0);
const extent = values.full ? 'full' : values.quick ? 'quick' : 'usual';
const chosen = positionals.length > 0 ? positionals : ['contest', 'goals'];
const parts = (chosen.includes('all') ? Object.keys(BENCHMARKS) : chosen).map(
  (name) => [name, BENCHMARKS[name] ?? end(`no benchmark ${name}\n${USAGE}`, 2)] as const,
);
for (const [name, benchmark] of parts) {
  console.log(`\n## ${name}\n`);
  const part = new Part();
  try {
    await benchmark(part, extent);
  } finally {
    await part.end();
  }
}
