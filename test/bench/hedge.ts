import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Exposition } from '../support/exposition.ts';
import { Program, type RunningSidecar } from '../support/program.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import type { Benchmark } from './bench.ts';
import { median, quantile, table } from './figures.ts';
import { Page } from './results.ts';
import { startBuilt } from './sidecar.ts';

const UPSTREAM = fileURLToPath(new URL('./slow-upstream.ts', import.meta.url));
const SERVICE_MS = 2;
const SLOW_MS = 200;
const SLOW_SHARE = 0.02;
const PER_SECOND = 300;
const ROUNDS = 5;
const ROUND_MS = 10_000;
const QUANTILES = [0.5, 0.99, 0.999];

interface Way {
  name: string;
  sidecar: RunningSidecar;
  /** For each round: the quantiles, and in `load` the attempts per request. */
  quantiles: number[][];
  load: number[];
  requests: number;
  failed: number;
  crossed: number;
}

/** Three upstreams in separate processes, one of which is sometimes slow: latency and load with and without hedging. */
export const hedge: Benchmark = async (scope) => {
  const upstreams = [0, 0, SLOW_SHARE].map((share) =>
    Program.start(scope, process.execPath, [UPSTREAM, ...[SERVICE_MS, SLOW_MS, share].map(String)]),
  );
  const endpoints = await Promise.all(
    upstreams.map((upstream) => upstream.line((line) => /^serving (\S+)/.exec(line)?.[1])),
  );
  const start = async (name: string, keys: object): Promise<Way> => {
    const sidecar = await startBuilt(scope, { upstream: { endpoints }, ...keys });
    return { name, sidecar, quantiles: [], load: [], requests: 0, failed: 0, crossed: 0 };
  };
  const ways = [
    await start('off', {}),
    await start('20 ms', { hedge: '20ms' }),
    await start('50 ms', { hedge: '50ms' }),
  ];
  const page = new Page(
    'hedge',
    `3 upstreams take ${SERVICE_MS} ms for each request; one of them takes ${SLOW_MS} ms for ${100 * SLOW_SHARE} % of its requests.\n` +
      `${PER_SECOND} requests a second. Latency counts from the time when a request was due. ${ROUNDS} rounds of ${ROUND_MS / 1_000} s in turns; medians (lowest to highest).\n`,
  );
  // The first round warms up.
  for (let number = 0; number <= ROUNDS; number++)
    for (const way of ways) await round(way, number === 0 ? ROUND_MS / 5 : ROUND_MS, number > 0);
  const rows = ways.map(({ name, quantiles, load, requests, failed, crossed }) => [
    name,
    ...QUANTILES.map((_, index) => `${range(quantiles.map((of) => of[index] ?? 0))} ms`),
    `${(100 * (median(load) - 1)).toFixed(2)} %`,
    ...[requests, failed, crossed].map(String),
  ]);
  const head = ['hedge', 'p50', 'p99', 'p99.9', 'extra load', 'requests', 'failed', 'crossed'];
  page.add(table(head, rows));
  page.keep();
};

async function round(way: Way, ms: number, isCounted: boolean): Promise<void> {
  const attempts = async () => (await Exposition.of(way.sidecar.admin)).total('lazypirate_attempts_total');
  const before = await attempts();
  const load = new SteadyLoad(way.sidecar.address, PER_SECOND, undefined, Number.POSITIVE_INFINITY);
  await setTimeout(ms);
  await load.stop();
  const { samples } = load;
  const took = samples.map(({ tookMs }) => tookMs);
  way.failed += load.failures.length;
  way.crossed += load.crossed;
  if (!isCounted) return;
  way.requests += samples.length;
  way.quantiles.push(QUANTILES.map((share) => quantile(took, share)));
  way.load.push(((await attempts()) - before) / samples.length);
}

function range(values: readonly number[]): string {
  const [least, middle, most] = [0, 0.5, 1].map((share) => quantile(values, share).toFixed(1));
  return `${middle} (${least} to ${most})`;
}
