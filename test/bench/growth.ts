import { setTimeout } from 'node:timers/promises';
import { rssMiB } from '../support/process.ts';
import type { Scope } from '../support/program.ts';
import type { Benchmark } from './bench.ts';
import { median, quantile, table } from './figures.ts';
import { type Load, load, portOf, startEcho } from './load.ts';
import { Part } from './part.ts';
import { keep, Page } from './results.ts';
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
  /** Where the curve bends, by what a profile shows. */
  why: string;
  /** What the sidecar is told, and the load, where that is not 64 clients with 64 B on one route with one endpoint. */
  at(value: number): {
    endpoints?: number;
    subset?: 'all';
    routes?: number;
    keys?: object;
    load?: Partial<Load>;
  };
}

/** So that one endpoint is not what the requests wait for. */
const MANY = { limits: { inFlightPerEndpoint: 64 } };
/** An upstream has connections to so many endpoints by default. */
const SUBSET = 64;

const DIMENSIONS: Record<string, Dimension> = {
  endpoints: {
    why: 'It does not: of more than 64 endpoints it connects to 64.',
    values: [1, 10, 100, 1_000],
    at: (endpoints) => ({ endpoints, keys: MANY }),
  },
  'endpoints, subset: all': {
    why: 'Each connection has its heartbeats, one a second, and each message wakes its own socket while nothing of it is in a cache.',
    values: [1, 10, 100, 1_000],
    at: (endpoints) => ({ endpoints, subset: 'all', keys: MANY }),
  },
  'and with correlate': {
    why: 'One connection brings many messages each time it wakes the thread; the more connections, the fewer.',
    values: [1, 10, 100, 1_000],
    at: (endpoints) => ({ endpoints, subset: 'all', keys: { correlate: true } }),
  },
  routes: {
    why: 'The same clients on more listeners: each wakes the thread for fewer messages.',
    values: [1, 10, 50],
    at: (routes) => ({ routes }),
  },
  clients: {
    why: 'One client wakes the thread for each of its messages. Of many, requests wait in line long enough to outlive a young collection of V8, which copies them.',
    values: [1, 16, 64, 256, 1_000, 2_000],
    at: (clients) => ({ keys: { limits: { queue: 4_096 } }, load: { clients } }),
  },
  'in flight': {
    why: 'Without correlation each request in flight has a socket, so more in flight share fewer wake-ups.',
    values: [1, 8, 64, 256],
    at: (inFlight) => ({
      keys: { limits: { inFlight, inFlightPerEndpoint: inFlight } },
      load: { clients: 256 },
    }),
  },
  'in flight, correlate': {
    why: 'It does not: more in flight share a wake-up.',
    values: [1, 8, 64, 256],
    at: (inFlight) => ({
      keys: { correlate: true, limits: { inFlight, inFlightPerEndpoint: inFlight } },
      load: { clients: 256 },
    }),
  },
  bytes: {
    why: 'Over 128 bytes a body is memory of libzmq that V8 has to be told of and collects; then it is copying, into and out of the kernel on either side.',
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
  const page = new Page(
    'growth',
    `64 clients with 64 B on one route with one endpoint, but for what grows. Medians (least to most) of ${ROUNDS} rounds of ${SECONDS} s.\n`,
  );
  for (const [name, { values, why, at }] of Object.entries(DIMENSIONS)) {
    const part = new Part(scope);
    const lanes = [];
    for (const x of values) {
      const { endpoints = 1, subset, routes = 1, keys = {}, load: changes = {} } = at(x);
      // All addresses of the loopback network lead to the one upstream.
      const addresses = Array.from(
        { length: endpoints },
        (_, index) => `tcp://127.0.${index >> 7}.${(index & 127) + 1}:${echo.port}`,
      );
      const route = { upstream: { endpoints: addresses, ...(subset && { subset }) }, ...keys };
      const connected = subset ? endpoints : Math.min(endpoints, SUBSET);
      lanes.push({ x, changes, ...(await start(part, route, routes, connected)), runs: [] as Run[] });
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const { pid, ports, changes, runs } of lanes) {
        const asked = { ports, clients: 64, size: 64, seconds: SECONDS, rate: 0, ...changes };
        const { cpuMs, requests, seconds } = await load(asked, [pid]);
        runs.push({
          cpuUs: (cpuMs * 1_000) / requests,
          perSecond: requests / seconds,
          rssMiB: rssMiB(pid),
        });
      }
    }
    found[name] = lanes.map(({ x, runs }) => pointOf(x, runs));
    page.add(`## ${name}\n`);
    page.add(tableOf(name, found[name]));
    page.add(`${why}\n`);
    await part.end();
  }
  keep('growth', found);
  page.keep();
};

type Run = Pick<Point, 'cpuUs' | 'perSecond' | 'rssMiB'>;

/** A sidecar with so many routes that are the same, each of them connected to so many endpoints. */
async function start(
  scope: Scope,
  route: object,
  routes: number,
  connected: number,
): Promise<{ pid: number; ports: number[] }> {
  const listeners = Array.from({ length: routes }, () => route);
  const { program, metric } = await startBuilt(scope, ...listeners);
  const isUp = async () => (await metric('lazypirate_endpoints{route="r0",state="up"}')) === connected;
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

function tableOf(name: string, points: readonly Point[]): string {
  const first = points[0]?.cpuUs ?? 1;
  const rows = points.map(({ x, cpuUs, min, max, rssMiB: rss, perSecond }) => [
    x.toLocaleString('en'),
    `${cpuUs.toFixed(1)} (${min.toFixed(1)} to ${max.toFixed(1)})`,
    (cpuUs / first).toFixed(2),
    rss.toFixed(0),
    perSecond.toFixed(0),
  ]);
  return table([name, 'CPU µs a request', 'of the first', 'RSS, MiB', 'requests/s'], rows);
}
