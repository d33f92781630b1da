import { family, forgetPeakRss, peakRssMiB } from '../support/process.ts';
import type { Scope } from '../support/program.ts';
import type { Contestant } from './contestants.ts';
import { median, quantile } from './figures.ts';
import { type Found, load, startEcho } from './load.ts';

/** One kind of load. The contestants take turns, one round each. */
export interface Cell {
  clients: number;
  size: number;
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

export interface MeasuredCell extends Cell {
  rows: Row[];
}

/** A contestant that runs. */
export interface Lane {
  name: string;
  ports: number[];
  /** Undefined for a direct connection, without a proxy. */
  pid?: number;
}

const SECONDS = 1;

/** Starts the contestants, all in front of one upstream. `direct` is that upstream without a proxy. */
export async function startAll(scope: Scope, contestants: readonly Contestant[]): Promise<Lane[]> {
  const upstream = await startEcho(scope);
  const lanes: Lane[] = [{ name: 'direct', ports: [upstream.port] }];
  for (const { name, start } of contestants) {
    const { port, pid } = await start(scope, [upstream.address]);
    lanes.push({ name, ports: [port], pid });
  }
  return lanes;
}

/** Puts the load on each of them in turns, and prints what it found. */
export async function measure(cell: Cell, lanes: readonly Lane[], failures: string[]): Promise<Row[]> {
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

function titleOf({ clients, size, rate, rounds }: Cell): string {
  const many = (count: number, what: string) =>
    `${count.toLocaleString('en')} ${what}${count > 1 ? 's' : ''}`;
  const loop = rate > 0 ? `open loop, ${rate.toLocaleString('en')} requests/s` : 'closed loop';
  return `${many(clients, 'client')}, ${sizeText(size)}, ${loop}, ${rounds} rounds of ${SECONDS} s`;
}

function sizeText(bytes: number): string {
  if (bytes >= 1_048_576) return `${bytes / 1_048_576} MiB`;
  return bytes >= 1_024 ? `${bytes / 1_024} KiB` : `${bytes} B`;
}

function print(cell: Cell, rows: readonly Row[]): void {
  const reference = rows.find(({ contestant }) => contestant === 'zmq_proxy')?.perSecond.median;
  console.log(`\n${titleOf(cell)}\n`);
  console.log(
    '|                              | requests/s | (min..max)       | of zmq_proxy | p50 ms | p99 ms | CPU µs/request | peak RSS MiB | generator |',
  );
  console.log('|---|--:|--:|--:|--:|--:|--:|--:|--:|');
  for (const { contestant, perSecond, p50Ms, p99Ms, cpuUs, peakRssMiB: rss, generator } of rows) {
    const columns = [
      contestant.padEnd(28),
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
