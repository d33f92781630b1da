/*
 * Measures what the README claims: `npm run bench` compares lazypirate with what else could stand in its place (ten minutes),
 * `npm run bench NAME...` does what it says, and `npm run bench all` everything. `npm run bench -- --quick` and `--full` make the
 * comparison shorter or complete.
 */
import { parseArgs } from 'node:util';
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

/** One measurement. It prints what it finds; what it has started ends with its scope. */
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

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { full: { type: 'boolean' }, quick: { type: 'boolean' } },
});
const extent = values.full ? 'full' : values.quick ? 'quick' : 'usual';
const chosen = positionals.length > 0 ? positionals : ['contest', 'goals'];
for (const name of chosen.includes('all') ? Object.keys(BENCHMARKS) : chosen) {
  const benchmark = BENCHMARKS[name];
  if (benchmark === undefined)
    throw new Error(`no benchmark ${name}: there are all, ${Object.keys(BENCHMARKS).join(', ')}`);
  console.log(`\n## ${name}\n`);
  const part = new Part();
  try {
    await benchmark(part, extent);
  } finally {
    await part.end();
  }
}
