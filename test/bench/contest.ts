import { availableParallelism } from 'node:os';
import { family, forgetPeakRss, peakRssMiB } from '../support/process.ts';
import type { Scope } from '../support/program.ts';
import type { Benchmark } from './bench.ts';
import { contestChart } from './chart.ts';
import { CONTESTANTS, type Contestant, versionOf } from './contestants.ts';
import { median, quantile } from './figures.ts';
import { type Found, load, startEcho } from './load.ts';
import { Part } from './part.ts';
import { keep, keepText } from './results.ts';

/** One kind of load. The contestants take turns, one round each. */
export interface Cell {
  clients: number;
  size: number;
  upstreams: number;
  /** Requests per second in an open loop; 0: closed loop. */
  rate: number;
  rounds: number;
}

/** The median of the rounds, and their range. */
export interface Figure {
  median: number;
  min: number;
  max: number;
}

export interface Row {
  contestant: string;
  perSecond: Figure;
  p50Ms: Figure;
  p99Ms: Figure;
  cpuUs: Figure;
  peakRssMiB: number;
  /** Share of one CPU that the load generator was busy for. */
  generator: number;
}

export interface Contest {
  machine: { cpus: number; node: string };
  missing: Record<string, string>;
  versions: Record<string, string>;
  /** Wrong and missing replies. */
  failures: string[];
  cells: (Cell & { rows: Row[] })[];
}

interface Lane {
  name: string;
  ports: number[];
  /** Undefined for a direct connection, without a proxy. */
  pid?: number;
}

const SECONDS = 1;
/** The loads that have goals get more rounds. */
const MAIN = { size: 64, upstreams: 1, rate: 0, rounds: 5 };

/** The loads to measure: a selection (ten minutes), all of them (an hour and a half), or three. */
function cellsOf(extent: 'full' | 'quick' | 'usual'): Cell[] {
  if (extent === 'quick') return [1, 64].map((clients) => ({ ...MAIN, clients, rounds: 3 }));
  const rounds = 3;
  if (extent === 'usual') {
    return [
      ...[1, 64].map((clients) => ({ ...MAIN, clients })),
      ...[16, 256, 1_000].map((clients) => ({ ...MAIN, clients, rounds })),
      { ...MAIN, clients: 64, size: 4_096, rounds },
      { ...MAIN, clients: 16, size: 1_048_576, rounds },
      { ...MAIN, clients: 64, upstreams: 8, rounds },
    ];
  }
  return [1, 8].flatMap((upstreams) =>
    [64, 4_096, 1_048_576].flatMap((size) =>
      [1, 16, 64, 256, 1_000]
        // More than the 64 MiB that lazypirate queues by default would be refused.
        .filter((clients) => clients * size <= 64 * 1_048_576)
        .map((clients) => ({ ...MAIN, clients, size, upstreams })),
    ),
  );
}

/** Everything that a user could put between app and upstream, side by side under the same load. */
export const contest: Benchmark = async (scope, extent) => {
  const found: Contest = {
    machine: { cpus: availableParallelism(), node: process.version },
    missing: {},
    versions: {},
    failures: [],
    cells: [],
  };
  for (const { name, lacks } of CONTESTANTS) {
    const lack = lacks();
    if (lack === undefined) continue;
    console.log(`${name} is missing: it needs ${lack}`);
    found.missing[name] = lack;
  }
  const there = CONTESTANTS.filter(({ name }) => found.missing[name] === undefined);
  for (const one of there) {
    const version = versionOf(one);
    if (version !== undefined) found.versions[one.name] = version;
  }
  const all = cellsOf(extent);
  for (const upstreams of new Set(all.map((cell) => cell.upstreams))) {
    const cells = all.filter((cell) => cell.upstreams === upstreams);
    const part = new Part(scope);
    const lanes = await startAll(part, there, upstreams);
    for (const cell of cells) {
      const rows = await measure(cell, lanes, found.failures);
      found.cells.push({ ...cell, rows });
      const open = cell.clients === 64 && cell.size === 64 && openLoop(cell, rows);
      if (!open) continue;
      const bearing = lanes.filter(open.bears);
      found.cells.push({ ...open.cell, rows: await measure(open.cell, bearing, found.failures) });
    }
    await part.end();
  }
  if (extent !== 'quick') {
    keep('contest', found);
    keepText('contest.svg', contestChart(found));
  }
  if (found.failures.length > 0)
    throw new Error(`some replies were wrong or missing:\n${found.failures.join('\n')}`);
};

async function startAll(scope: Scope, contestants: readonly Contestant[], count: number): Promise<Lane[]> {
  const upstreams = await Promise.all(Array.from({ length: count }, () => startEcho(scope)));
  const addresses = upstreams.map(({ address }) => address);
  const lanes: Lane[] = [{ name: 'direct', ports: upstreams.map(({ port }) => port) }];
  for (const { name, start } of contestants) {
    const { port, pid } = await start(scope, addresses);
    lanes.push({ name, ports: [port], pid });
  }
  return lanes;
}

/** The same load at half of lazypirate's own rate, for the contestants that can handle it. */
function openLoop(cell: Cell, rows: readonly Row[]) {
  const ours = rows.find(({ contestant }) => contestant === 'lazypirate, correlate');
  const rate = Math.round((ours?.perSecond.median ?? 0) / 2);
  const bears = ({ name }: Lane) =>
    rows.some(({ contestant, perSecond }) => contestant === name && perSecond.median > 1.2 * rate);
  return { cell: { ...cell, rate }, bears };
}

async function measure(cell: Cell, lanes: readonly Lane[], failures: string[]): Promise<Row[]> {
  const rounds = new Map<Lane, Found[]>(lanes.map((lane) => [lane, []]));
  for (const { pid } of lanes) familyOf(pid).forEach(forgetPeakRss);
  for (let round = 0; round < cell.rounds; round++) {
    for (const [lane, runs] of rounds) {
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${titleOf(cell)}: ${round + 1}, ${lane.name}`);
      try {
        runs.push(await load({ ...cell, ports: lane.ports, seconds: SECONDS }, familyOf(lane.pid)));
      } catch (error) {
        failures.push(`${titleOf(cell)}, ${lane.name}: ${(error as Error).message}`);
        rounds.delete(lane);
      }
    }
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  const rows = [...rounds].map(([lane, runs]) => rowOf(lane, runs));
  print(cell, rows);
  return rows;
}

function familyOf(pid: number | undefined): number[] {
  return pid === undefined ? [] : family(pid);
}

function rowOf({ name, pid }: Lane, runs: readonly Found[]): Row {
  const figure = (of: (run: Found) => number) => {
    const values = runs.map(of);
    return { median: median(values), min: quantile(values, 0), max: quantile(values, 1) };
  };
  return {
    contestant: name,
    perSecond: figure(({ requests, seconds }) => requests / seconds),
    p50Ms: figure(({ p50 }) => p50 / 1_000),
    p99Ms: figure(({ p99 }) => p99 / 1_000),
    cpuUs: figure(({ cpuMs, requests }) => (cpuMs * 1_000) / requests),
    peakRssMiB: familyOf(pid).reduce((sum, one) => sum + peakRssMiB(one), 0),
    generator: median(runs.map(({ ownCpuMs, seconds }) => ownCpuMs / 1_000 / seconds)),
  };
}

function titleOf({ clients, size, upstreams, rate, rounds }: Cell): string {
  const many = (count: number, what: string) =>
    `${count.toLocaleString('en')} ${what}${count > 1 ? 's' : ''}`;
  const loop = rate > 0 ? `open loop, ${rate.toLocaleString('en')} requests/s` : 'closed loop';
  return `${many(clients, 'client')}, ${sizeText(size)}, ${many(upstreams, 'upstream')}, ${loop}, ${rounds} rounds of ${SECONDS} s`;
}

function sizeText(bytes: number): string {
  if (bytes >= 1_048_576) return `${bytes / 1_048_576} MiB`;
  return bytes >= 1_024 ? `${bytes / 1_024} KiB` : `${bytes} B`;
}

function print(cell: Cell, rows: readonly Row[]): void {
  const reference = rows.find(({ contestant }) => contestant === 'zmq_proxy')?.perSecond.median;
  console.log(`\n${titleOf(cell)}\n`);
  console.log(
    '|                       | requests/s | (min..max)       | of zmq_proxy | p50 ms | p99 ms | CPU µs/request | peak RSS MiB | generator |',
  );
  console.log('|---|--:|--:|--:|--:|--:|--:|--:|--:|');
  for (const { contestant, perSecond, p50Ms, p99Ms, cpuUs, peakRssMiB: rss, generator } of rows) {
    const columns = [
      contestant.padEnd(21),
      perSecond.median.toFixed(0).padStart(10),
      `${perSecond.min.toFixed(0)}..${perSecond.max.toFixed(0)}`.padStart(16),
      (reference ? (perSecond.median / reference).toFixed(2) : '').padStart(12),
      p50Ms.median.toFixed(3).padStart(6),
      p99Ms.median.toFixed(2).padStart(6),
      (cpuUs.median > 0 ? cpuUs.median.toFixed(1) : '').padStart(14),
      (rss > 0 ? rss.toFixed(0) : '').padStart(12),
      `${(generator * 100).toFixed(0)} %`.padStart(9),
    ];
    console.log(`| ${columns.join(' | ')} |`);
  }
}
