/*
 * Measures what the README claims. `npm run bench` measures what has a goal (eight minutes), `npm run bench NAME...` runs the named
 * benchmarks, and `npm run bench all` runs all of them. `npm run bench goals PART...` measures some of the goals.
 */
import { parseArgs } from 'node:util';
import { end } from '../support/arguments.ts';
import type { Scope } from '../support/program.ts';
import { endpoints } from './endpoints.ts';
import { failover } from './failover.ts';
import { footprint } from './footprint.ts';
import { goals, PARTS } from './goals.ts';
import { goodput } from './goodput.ts';
import { growth } from './growth.ts';
import { guard } from './guard.ts';
import { hedge } from './hedge.ts';
import { isolation } from './isolation.ts';
import { kills } from './kills.ts';
import { observers } from './observers.ts';
import { outage } from './outage.ts';
import { Part } from './part.ts';
import { reload } from './reload.ts';
import { rolling } from './rolling.ts';
import { scale } from './scale.ts';
import { subsets } from './subsets.ts';

/** One benchmark. It prints its results. Whatever it starts ends with its scope. */
export type Benchmark = (scope: Scope) => Promise<void>;

const BENCHMARKS: Record<string, Benchmark> = {
  goals: (scope) => goals(scope, values.quick === true, partsOfGoals),
  failover,
  footprint,
  growth,
  scale,
  guard,
  isolation,
  kills,
  rolling,
  outage,
  goodput,
  hedge,
  endpoints,
  reload,
  subsets,
  observers,
};

const USAGE = `usage: npm run bench -- [--quick] [NAME...]
       npm run bench -- [--quick] goals PART...
NAME is one of: all, ${Object.keys(BENCHMARKS).join(', ')}
PART is one of: ${PARTS.join(', ')}
--quick measures the goals with one round each, to try it out, and saves nothing.`;

function parse() {
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({ allowPositionals: true, options: { quick: flag, help: flag } });
  } catch (error) {
    return end(`${error instanceof Error ? error.message : error}\n${USAGE}`, 2);
  }
}

const { values, positionals } = parse();
if (values.help) end(USAGE, 0);
const [first = 'goals', ...rest] = positionals;
const partsOfGoals = first === 'goals' ? rest : [];
const chosen = first === 'all' ? Object.keys(BENCHMARKS) : first === 'goals' ? [first] : positionals;
const stray = partsOfGoals.find((part) => !PARTS.includes(part));
if (stray !== undefined) end(`no part ${stray} of the goals\n${USAGE}`, 2);
const benchmarks = chosen.map(
  (name) => [name, BENCHMARKS[name] ?? end(`no benchmark ${name}\n${USAGE}`, 2)] as const,
);
for (const [name, benchmark] of benchmarks) {
  console.log(`\n## ${name}\n`);
  const part = new Part();
  try {
    await benchmark(part);
  } finally {
    await part.end();
  }
}
