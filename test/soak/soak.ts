import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AS_IN_IMAGE, build } from '../support/built.ts';
import { TRANSPORT } from '../support/chosen-transport.ts';
import { Exposition } from '../support/exposition.ts';
import { descriptors, rssMiB } from '../support/process.ts';
import { Program, type RunningSidecar, type Scope, startServe, startSidecar } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';
import { stalledMs } from '../support/stalls.ts';
import type { Harm } from './network.ts';
import { nothing, sum, type Tally } from './tally.ts';
import { type Course, LATE_MS, type Policy, type Sample } from './verdict.ts';
import { startCollector, type Watched, watch } from './watch.ts';

export const UPSTREAMS = 3;
export const APPS = 24;
const TIMEOUT_MS = 300;
export const POLICY: Policy = {
  routes: 2,
  attempts: 3,
  deadlineMs: 2_000,
  budget: { ratio: 0.2, minPerSecond: 10 },
};
/** Share of the requests that are never answered. */
export const DROPPED = 0.003;
/** Share of the chunks from upstreams (one reply or several) at which the network resets or delays the connection. */
const HARMED = 0.01;
const KILL_EVERY_MS = 10_000;
const SAMPLE_EVERY_MS = 1_000;

export interface Plan {
  requests: number;
  seconds: number;
  /** How long to wait at the end until the sidecar has closed the connections that it no longer needs. It does so after a minute. */
  restMs: number;
}

export interface Soaked extends Course {
  harm: Harm;
  kills: number;
}

/** Sends requests to a sidecar process under faults, until either limit of the plan, and reports what happened and what it used. */
export async function soak(
  scope: Scope,
  plan: Plan,
  progress: (sample: Sample, tally: Tally, seconds: number) => void = () => undefined,
  resting: () => void = () => undefined,
): Promise<Soaked> {
  const upstreams = await Promise.all(Array.from({ length: UPSTREAMS }, () => startUpstream(scope)));
  const network = start(scope, 'network.ts', [
    ...[HARMED, 1.2 * TIMEOUT_MS].map(String),
    ...upstreams.map(({ address }) => address),
  ]);
  const endpoints = await network.line((line) => /^relaying (\S+)/.exec(line)?.[1]);
  const watched: Watched = { settled: 0, lost: 0, spanBytes: 0, pages: 0, refused: 0 };
  const collector = await startCollector(scope, watched);
  const { sidecar, addresses } = await startRoutes(scope, endpoints.split(','), collector);
  const before = await untilAtRest(sidecar.program.pid);
  const watching = new AbortController();
  scope.after(() => watching.abort());
  await watch(sidecar.inspect, watched, watching.signal);

  const sinceMs = performance.now();
  const loads = addresses.map((address) =>
    start(scope, 'load.ts', [address, APPS, POLICY.deadlineMs + LATE_MS].map(String)),
  );
  const tallied = () => sum(loads.map((load) => last<Tally>(load) ?? nothing()));
  const seconds = () => (performance.now() - sinceMs) / 1_000;
  const samples: Sample[] = [];
  const killing = new AbortController();
  const killed = killNowAndThen(scope, upstreams, killing.signal);
  while (seconds() < plan.seconds && tallied().asked < plan.requests) {
    await setTimeout(SAMPLE_EVERY_MS);
    const tally = tallied();
    const sample = await sampleOf(sidecar, tally.asked);
    samples.push(sample);
    progress(sample, tally, seconds());
  }
  killing.abort();
  const kills = await killed;
  for (const load of loads) load.kill('SIGTERM');
  await Promise.all(loads.map(({ ended }) => ended));
  const took = seconds();
  watching.abort();
  resting();
  const after = await untilAtRest(sidecar.program.pid, before, plan.restMs);
  return {
    seconds: took,
    samples,
    tally: withoutStalls(tallied(), [sidecar.program.pid, ...loads.map(({ pid }) => pid)]),
    counted: await counts(sidecar),
    watched,
    descriptors: { before, after },
    complaints: complaintsOf(sidecar.program),
    harm: last<Harm>(network) ?? { resets: 0, delays: 0 },
    kills,
  };
}

/** The slowest one is the one that took longest while neither the apps nor the sidecar were stalled. */
function withoutStalls(tally: Tally, pids: readonly number[]): Tally {
  let { slowest } = tally;
  for (const one of tally.late) {
    const tookMs = one.tookMs - stalledMs(one.gotMs - one.tookMs, one.gotMs, pids);
    if (tookMs > slowest.tookMs) slowest = { ...one, tookMs };
  }
  return { ...tally, slowest };
}

function startUpstream(scope: Scope, address?: string) {
  return startServe(scope, ['--drop', String(DROPPED)], address);
}

function start(scope: Scope, file: string, args: readonly string[]): Program {
  return Program.start(scope, process.execPath, [fileURLToPath(new URL(file, import.meta.url)), ...args]);
}

/** The newest JSON line that a program has printed. */
function last<T>({ stdout }: Program): T | undefined {
  const line = stdout.at(-1);
  return line?.startsWith('{') ? (JSON.parse(line) as T) : undefined;
}

/** One sidecar with one route of each kind, which sends traces to this collector. */
async function startRoutes(scope: Scope, endpoints: readonly string[], collector: string) {
  const file = join(scratch(), 'soak.yaml');
  const { attempts, deadlineMs: deadline, budget } = POLICY;
  const routes = [false, true].map((correlate) => ({
    name: correlate ? 'correlated' : 'plain',
    listen: 'tcp://127.0.0.1:0',
    transport: TRANSPORT,
    upstream: { endpoints },
    ...{ correlate, timeout: TIMEOUT_MS, attempts, deadline, budget },
  }));
  const observed = {
    log: { slow: TIMEOUT_MS },
    metrics: { perEndpoint: true },
    tracing: { endpoint: collector },
  };
  writeFileSync(file, JSON.stringify({ ...observed, routes }));
  const sidecar = await startSidecar(scope, ['--config', file], { main: build(), env: AS_IN_IMAGE });
  const listening = (route: string) =>
    sidecar.program.line((line) => {
      const entry = line.startsWith('{') ? JSON.parse(line) : {};
      return entry.msg === 'listening' && entry.route === route ? String(entry.address) : undefined;
    });
  return { sidecar, addresses: await Promise.all(routes.map(({ name }) => listening(name))) };
}

async function sampleOf({ program, admin }: RunningSidecar, requests: number): Promise<Sample> {
  const metrics = await Exposition.of(admin);
  return {
    requests,
    rssMiB: rssMiB(program.pid),
    heapMiB: metrics.total('nodejs_heap_size_used_bytes') / 2 ** 20,
    descriptors: descriptors(program.pid),
  };
}

async function counts({ admin }: RunningSidecar): Promise<Course['counted']> {
  const metrics = await Exposition.of(admin);
  const replied = metrics.total('lazypirate_requests_total', /outcome="ok"/);
  return {
    replied,
    failed: metrics.total('lazypirate_requests_total') - replied,
    attempts: metrics.total('lazypirate_attempts_total'),
    retries: metrics.total('lazypirate_retries_total'),
    inFlight: metrics.total('lazypirate_in_flight_requests') + metrics.total('lazypirate_queued_requests'),
  };
}

/** Kills one upstream after the other and restarts it on the same address. Returns the number of kills. */
async function killNowAndThen(
  scope: Scope,
  upstreams: { address: string; program: Program }[],
  over: AbortSignal,
): Promise<number> {
  const pause = () => setTimeout(KILL_EVERY_MS, true, { signal: over }).catch(() => false);
  let kills = 0;
  for (; await pause(); kills++) {
    const upstream = upstreams[kills % upstreams.length];
    if (upstream === undefined) break;
    upstream.program.kill('SIGKILL');
    await upstream.program.ended;
    upstream.program = (await startUpstream(scope, upstream.address)).program;
  }
  return kills;
}

/** The number of descriptors of a process once it is stable, and close to `near` unless that takes longer than `mostMs`. */
async function untilAtRest(pid: number, near?: number, mostMs = Number.POSITIVE_INFINITY): Promise<number> {
  const sinceMs = performance.now();
  let open = descriptors(pid);
  for (let same = 0; same < 20; same++) {
    await setTimeout(50);
    const now = descriptors(pid);
    const isAway = near !== undefined && Math.abs(now - near) > 2 && performance.now() - sinceMs < mostMs;
    if (now !== open || isAway) same = 0;
    open = now;
  }
  return open;
}

function complaintsOf({ stdout, stderr }: Program): string[] {
  return [...stderr, ...stdout.filter((line) => line.includes('internal error'))];
}
