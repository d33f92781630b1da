import { availableParallelism } from 'node:os';
import type { Scope } from '../support/program.ts';
import { contestChart } from './chart.ts';
import { type Failover, killed } from './failover.ts';
import { median } from './figures.ts';
import { type Footprint, modesOf, startsMs } from './footprint.ts';
import { type Goal, summary, tableOf } from './goal.ts';
import { memory } from './memory.ts';
import { Part } from './part.ts';
import { keep, keepText, kept, Page } from './results.ts';
import { bodies, Traffic, throughput } from './traffic.ts';

const ROUNDS = 5;
/** How far above an earlier figure still counts as no worse: runs differ. */
const NOISE = 1.1;

const MEASURES: Record<string, (scope: Scope, traffic: Traffic) => Promise<Goal[]>> = {
  throughput,
  bodies,
  memory,
  kill,
  start,
};

export const PARTS: readonly string[] = Object.keys(MEASURES);

/**
 * Measures everything that has a goal, in about eight minutes, and says whether it is met. Only a complete run is saved.
 *
 * @param isQuick one round of each, to try it out
 * @param chosen some of `PARTS`; all if there are none
 */
export async function goals(scope: Scope, isQuick: boolean, chosen: readonly string[]): Promise<void> {
  const parts = Object.entries(MEASURES).filter(([name]) => chosen.length === 0 || chosen.includes(name));
  const traffic = new Traffic(isQuick ? 1 : ROUNDS);
  const found: Goal[] = [];
  for (const [index, [name, measure]] of parts.entries()) {
    console.log(`### ${name}, ${index + 1} of ${parts.length}\n`);
    const part = new Part(scope);
    const goals = await measure(part, traffic);
    await part.end();
    found.push(...goals);
    console.log(`\n${tableOf(goals)}`);
  }
  const { cells, failures, missing, versions } = traffic;
  if (isQuick || parts.length < PARTS.length) console.log(summary(found));
  else {
    const machine = { cpus: availableParallelism(), node: process.version };
    keep('goals', { machine, missing, versions, failures, cells });
    keepText('contest.svg', contestChart(cells));
    const page = new Page('goals', `${head(traffic)}\n`);
    page.add(tableOf(found));
    page.add(`${summary(found)}\n`);
    page.keep();
  }
  if (failures.length > 0) throw new Error(`some replies were wrong or missing:\n${failures.join('\n')}`);
}

function head({ versions, missing }: Traffic): string {
  const list = (of: Record<string, string>) =>
    Object.entries(of)
      .map(([name, what]) => `${name} (${what})`)
      .join(', ');
  const skipped = Object.keys(missing).length > 0 ? ` Missing: ${list(missing)}.` : '';
  return `Bodies of 64 B unless it says otherwise, one upstream that is a REP, the default configuration unless it says otherwise. Medians of ${ROUNDS} rounds of 1 s in turns. Compared with ${list(versions)}.${skipped}`;
}

/** How long requests take whose upstream is killed. */
async function kill(scope: Scope): Promise<Goal[]> {
  const { p99Ms, requests, failed } = await killed(scope);
  console.log(`killed upstreams had ${requests} requests, of which ${failed} failed`);
  const before = kept<Failover>('failover')?.faults['killed']?.lazypirate.p99Ms;
  return [noWorse('killed upstream, p99 of its requests, ms', p99Ms, before)];
}

async function start(scope: Scope): Promise<Goal[]> {
  const modes = await modesOf(scope);
  const before = kept<Footprint>('footprint')?.listeningMs;
  return [
    noWorse('start to listening, static, ms', median(await startsMs(modes.static)), before?.static),
    noWorse(
      'start to listening, Kubernetes, ms',
      median(await startsMs(modes.kubernetes)),
      before?.kubernetes,
    ),
  ];
}

/** @param before the figure that the other benchmark has saved */
function noWorse(what: string, figure: number, before: number | undefined): Goal {
  if (before === undefined) return { what, figure, most: {} };
  return { what: `${what} (${before} before)`, figure, most: { transport: NOISE * before } };
}
