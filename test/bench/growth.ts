import { setTimeout } from 'node:timers/promises';
import { rssMiB } from '../support/process.ts';
import type { Benchmark } from './bench.ts';
import { median, quantile } from './figures.ts';
import { type Load, load, portOf, startEcho } from './load.ts';
import { keep } from './results.ts';
import { startBuilt } from './sidecar.ts';

interface Point {
  x: number;
  cpuUs: number;
  /** Of the rounds. */
  min: number;
  max: number;
  rssMiB: number;
  perSecond: number;
}

export type Growth = Record<string, Point[]>;

interface Dimension {
  values: number[];
  /** What the sidecar is told, and the load, where that is not 64 clients with 64 B on one route with one endpoint. */
  at(value: number): { endpoints?: number; routes?: number; keys?: object; load?: Partial<Load> };
}

const DIMENSIONS: Record<string, Dimension> = {
  endpoints: {
    values: [1, 10, 100, 1_000],
    at: (endpoints) => ({ endpoints, keys: { limits: { inFlightPerEndpoint: 64 } } }),
  },
  'endpoints, correlate': {
    values: [1, 10, 100, 1_000],
    at: (endpoints) => ({ endpoints, keys: { correlate: true } }),
  },
  routes: { values: [1, 10, 50], at: (routes) => ({ routes }) },
  clients: {
    values: [1, 16, 64, 256, 1_000, 2_000],
    at: (clients) => ({ keys: { limits: { queue: 4_096 } }, load: { clients } }),
  },
  'in flight': {
    values: [1, 8, 64, 256],
    at: (inFlight) => ({
      keys: { limits: { inFlight, inFlightPerEndpoint: inFlight } },
      load: { clients: 256 },
    }),
  },
  'in flight, correlate': {
    values: [1, 8, 64, 256],
    at: (inFlight) => ({
      keys: { correlate: true, limits: { inFlight, inFlightPerEndpoint: inFlight } },
      load: { clients: 256 },
    }),
  },
  bytes: {
    values: [64, 1_024, 16_384, 131_072, 1_048_576],
    at: (size) => ({ load: { size, clients: 16 } }),
  },
};

const SECONDS = 1;
const ROUNDS = 5;

/** What a request costs, and a process, as one thing after the other grows. All points of a dimension are measured in turns. */
export const growth: Benchmark = async (scope) => {
  const echo = await startEcho(scope);
  const found: Growth = {};
  for (const [name, { values, at }] of Object.entries(DIMENSIONS)) {
    const ends: (() => unknown)[] = [];
    scope.after(async () => {
      for (const end of ends.splice(0).reverse()) await end();
    });
    const lanes = [];
    for (const x of values) {
      const { endpoints = 1, routes = 1, keys = {}, load: changes = {} } = at(x);
      lanes.push({
        x,
        changes,
        ...(await start(ends, echo.port, endpoints, routes, keys)),
        runs: [] as Run[],
      });
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const { pid, ports, changes, runs } of lanes) {
        const asked = { ports, clients: 64, size: 64, seconds: SECONDS, rate: 0, ...changes };
        const { cpuMs, requests, seconds } = await load(asked, pid);
        runs.push({
          cpuUs: (cpuMs * 1_000) / requests,
          perSecond: requests / seconds,
          rssMiB: rssMiB(pid),
        });
      }
    }
    found[name] = lanes.map(({ x, runs }) => pointOf(x, runs));
    print(name, found[name]);
    for (const end of ends.splice(0).reverse()) await end();
  }
  keep('growth', found);
};

type Run = Pick<Point, 'cpuUs' | 'perSecond' | 'rssMiB'>;

/** A sidecar with so many endpoints, all of them connected, on each of so many routes. */
async function start(
  ends: (() => unknown)[],
  upstreamPort: number,
  endpoints: number,
  routes: number,
  keys: object,
): Promise<{ pid: number; ports: number[] }> {
  // All addresses of the loopback network lead to the one upstream.
  const addresses = Array.from(
    { length: endpoints },
    (_, index) => `tcp://127.0.${index >> 7}.${(index & 127) + 1}:${upstreamPort}`,
  );
  const route = { upstream: { endpoints: addresses, subset: 'all' }, ...keys };
  const listeners = Array.from({ length: routes }, () => route);
  const { program, metric } = await startBuilt({ after: (end) => ends.push(end) }, ...listeners);
  const isUp = async () => (await metric('lazypirate_endpoints{route="r0",state="up"}')) === endpoints;
  while (!(await isUp())) await setTimeout(100);
  const listening = program.stdout.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'listening');
  return { pid: program.pid, ports: listening.map(({ address }) => portOf(address)) };
}

function pointOf(x: number, runs: readonly Run[]): Point {
  const cpuUs = runs.map((run) => run.cpuUs);
  return {
    x,
    cpuUs: median(cpuUs),
    min: quantile(cpuUs, 0),
    max: quantile(cpuUs, 1),
    rssMiB: Math.max(...runs.map((run) => run.rssMiB)),
    perSecond: median(runs.map((run) => run.perSecond)),
  };
}

function print(name: string, points: readonly Point[]): void {
  console.log(`\n| ${name.padEnd(20)} | CPU µs/request | (min..max) | of the first | RSS MiB | requests/s |`);
  console.log('|---|--:|--:|--:|--:|--:|');
  for (const { x, cpuUs, min, max, rssMiB: rss, perSecond } of points) {
    const spread = `${min.toFixed(1)}..${max.toFixed(1)}`;
    const growth = (cpuUs / (points[0]?.cpuUs ?? cpuUs)).toFixed(2);
    console.log(
      `| ${x.toLocaleString('en').padStart(20)} | ${cpuUs.toFixed(1)} | ${spread} | ${growth} | ${rss.toFixed(0)} | ${perSecond.toFixed(0)} |`,
    );
  }
}
