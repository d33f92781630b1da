import { rssMiB } from '../support/process.ts';
import type { Scope } from '../support/program.ts';
import type { Benchmark } from './bench.ts';
import { median, quantile, table } from './figures.ts';
import { addressesOf, type Load, load, portOf, startEcho } from './load.ts';
import { Part } from './part.ts';
import { keep, Page } from './results.ts';
import { connected, startBuilt } from './sidecar.ts';

interface Point {
  x: number;
  cpuUs: number;
  /** The lowest and highest round. */
  min: number;
  max: number;
  rssMiB: number;
  perSecond: number;
}

type Points = Record<string, Point[]>;

interface Dimension {
  values: number[];
  /** Why the cost changes, according to a profile. */
  why: string;
  /** How sidecar and load differ from the default: 64 clients with 64 B on one route with one endpoint. */
  at(value: number): {
    endpoints?: number;
    subset?: 'all';
    routes?: number;
    keys?: object;
    load?: Partial<Load>;
  };
}

/** High enough that requests do not wait for the endpoint. */
const MANY = { limits: { inFlightPerEndpoint: 64 } };
/** The most endpoints that a sidecar connects to by default. */
const SUBSET = 64;

const DIMENSIONS: Record<string, Dimension> = {
  endpoints: {
    why: 'The cost stays the same: the sidecar connects to at most 64 endpoints.',
    values: [1, 10, 100, 1_000],
    at: (endpoints) => ({ endpoints, keys: MANY }),
  },
  'endpoints, subset: all': {
    why: 'Each message wakes a socket of its own, whose data is not in any CPU cache.',
    values: [1, 10, 100, 1_000],
    at: (endpoints) => ({ endpoints, subset: 'all', keys: MANY }),
  },
  'and with correlate': {
    why: 'Each time a connection wakes the thread, it delivers several messages. With more connections, each wake-up delivers fewer.',
    values: [1, 10, 100, 1_000],
    at: (endpoints) => ({ endpoints, subset: 'all', keys: { correlate: true } }),
  },
  routes: {
    why: 'The same number of clients is spread over more listeners, so each wake-up delivers fewer messages.',
    values: [1, 10, 50],
    at: (routes) => ({ routes }),
  },
  clients: {
    why: 'A single client wakes the thread for each message. With many clients, requests wait in the queue long enough to survive a minor collection of V8, which copies them.',
    values: [1, 16, 64, 256, 1_000, 2_000],
    at: (clients) => ({ keys: { limits: { queue: 4_096 } }, load: { clients } }),
  },
  'in flight': {
    why: 'Without correlation each request in flight has a socket of its own. The more are in flight, the more share a wake-up.',
    values: [1, 8, 64, 256],
    at: (inFlight) => ({
      keys: { limits: { inFlight, inFlightPerEndpoint: inFlight } },
      load: { clients: 256 },
    }),
  },
  'in flight, correlate': {
    why: 'The cost falls: the more requests are in flight, the more share a wake-up.',
    values: [1, 8, 64, 256],
    at: (inFlight) => ({
      keys: { correlate: true, limits: { inFlight, inFlightPerEndpoint: inFlight } },
      load: { clients: 256 },
    }),
  },
  bytes: {
    why: 'Above 128 bytes, a body is memory of libzmq that V8 must track and collect. For large bodies, the cost is copying into and out of the kernel on both sides.',
    values: [64, 1_024, 16_384, 131_072, 1_048_576],
    at: (size) => ({ load: { size, clients: 16 } }),
  },
};

const SECONDS = 1;
const ROUNDS = 5;

/** What a request and a process cost as one dimension at a time grows. The points of a dimension are measured in turns. */
export const scale: Benchmark = async (scope) => {
  const echo = await startEcho(scope);
  const found: Points = {};
  const page = new Page(
    'scale',
    `64 clients send bodies of 64 B over one route with one endpoint; each section changes one of these. Medians (lowest to highest) of ${ROUNDS} rounds of ${SECONDS} s.\n`,
  );
  for (const [name, { values, why, at }] of Object.entries(DIMENSIONS)) {
    const part = new Part(scope);
    const lanes = [];
    for (const x of values) {
      const { endpoints = 1, subset, routes = 1, keys = {}, load: changes = {} } = at(x);
      const addresses = addressesOf(echo.port, endpoints);
      const route = { upstream: { endpoints: addresses, ...(subset && { subset }) }, ...keys };
      const most = subset ? endpoints : Math.min(endpoints, SUBSET);
      lanes.push({ x, changes, ...(await start(part, route, routes, most)), runs: [] as Run[] });
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
  keep('scale', found);
  page.keep();
};

type Run = Pick<Point, 'cpuUs' | 'perSecond' | 'rssMiB'>;

/** Starts a sidecar with `routes` identical routes, each connected to so many endpoints. */
async function start(
  scope: Scope,
  route: object,
  routes: number,
  endpoints: number,
): Promise<{ pid: number; ports: number[] }> {
  const listeners = Array.from({ length: routes }, () => route);
  const sidecar = await startBuilt(scope, ...listeners);
  await connected(sidecar, endpoints);
  const { program } = sidecar;
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
  return table([name, 'CPU µs per request', 'relative to the first', 'RSS, MiB', 'requests/s'], rows);
}
