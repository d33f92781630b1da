import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Exposition } from '../support/exposition.ts';
import { descriptors } from '../support/process.ts';
import { type Program, type ProgramOptions, type RunningSidecar, startSidecar } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const mode = process.env['LAZYPIRATE_FAULTS'];
/** Whether the tests only tell that they are there, as those of the whole length. */
const isListing = mode === 'list';
/** The whole length of each fault, or a short form of it. */
export const isFull = mode === 'full' || isListing;
/** A reply that is to be cut, and the bytes of its frames: delimiter and body, each behind flags and length (RFC 23). */
export const REPLY = 'a reply of forty bytes, to be cut anywhere';
export const REPLY_BYTES = 2 + 2 + REPLY.length;
/** How many descriptors more or less it may hold after a fault than before. */
const SPARE_DESCRIPTORS = 2;
const TRIM_ON_SIGNAL = fileURLToPath(new URL('trim-on-signal.ts', import.meta.url));
const folder = scratch();
let configs = 0;

/** What a fault does to a sidecar process. */
export interface Trial extends RunningSidecar {
  /** Sum of the series of a metric whose labels match. */
  total(metric: string, labels?: RegExp): Promise<number>;
  metrics(): Promise<Exposition>;
  status(): Promise<Status>;
  /** Writes its configuration anew, which it watches. */
  rewrite(route: object): void;
}

/** What these tests read of `/status`. */
interface Status {
  uptimeMs: number;
  routes: { policy: object; endpoints: { address: string; state: string; lanes: number }[] }[];
}

/** So long that no machine is too slow for it: whatever is not lost comes in time. */
const PATIENT = { timeout: '60s', deadline: '10m' };

/** A configuration of one route, as JSON, which is YAML. */
export function routeOf(endpoints: readonly string[], keys: object = {}) {
  return { name: 'orders', listen: 'tcp://127.0.0.1:0', upstream: { endpoints }, ...PATIENT, ...keys };
}

/** A sidecar that must be as it was when the test is over: nothing in flight, no bug met, descriptors as before. */
export async function startTrial(
  t: TestContext,
  route: object,
  settings: object = {},
  options: ProgramOptions = {},
): Promise<Trial> {
  const file = join(folder, `${configs++}.yaml`);
  const rewrite = (now: object) => writeFileSync(file, JSON.stringify({ ...settings, routes: [now] }));
  rewrite(route);
  const sidecar = await startSidecar(t, ['--config', file], trimmable(options));
  return {
    ...sidecar,
    rewrite,
    metrics: () => Exposition.of(sidecar.admin),
    total: async (metric, labels) => (await Exposition.of(sidecar.admin)).total(metric, labels),
    status: async () => (await (await fetch(`${sidecar.admin}/status`)).json()) as Status,
  };
}

/**
 * One from source closes its idle lanes when it is told to. What is bundled keeps its own for a minute: there it must not open
 * any.
 */
function trimmable(options: ProgramOptions): ProgramOptions {
  if (options.main !== undefined) return options;
  const given = options.env?.['NODE_OPTIONS'] ?? '';
  return { ...options, env: { ...options.env, NODE_OPTIONS: `${given} --import=${TRIM_ON_SIGNAL}` } };
}

/** How many descriptors a sidecar holds that has come to rest, with one lane for each endpoint. */
export async function baseline({ program, status }: Trial): Promise<number> {
  let last = 0;
  for (let same = 0; same < 10; same++) {
    program.kill('SIGWINCH');
    // It has read the signal before it answers.
    await status();
    const now = descriptors(program.pid);
    if (now !== last) same = 0;
    last = now;
    await setTimeout(20);
  }
  return last;
}

/** Waits until it holds what it held before, give or take two. */
export async function settled({ program, status, total }: Trial, before: number): Promise<string> {
  let [open, inFlight] = [0, 0];
  const found = () => `${before} descriptors, as before, and nothing in flight: ${open}, and ${inFlight}`;
  await until(found, async () => {
    program.kill('SIGWINCH');
    await status();
    open = descriptors(program.pid);
    inFlight = await total('lazypirate_in_flight_requests');
    return Math.abs(open - before) <= SPARE_DESCRIPTORS && inFlight === 0;
  });
  checkLog(program);
  assert.deepEqual([program.child.exitCode, program.child.signalCode], [null, null]);
  return `descriptors ${before} to ${open}`;
}

/** Attempts that no reply came to, as labels of their metric. A good client beside a fault must not see any. */
export const NO_REPLY = /result="(timeout|lost|unsent)"/;

/** Promise 7: it met no bug of its own, and Node had nothing to say, nor it itself but these last words. */
export function checkLog({ stdout, stderr }: Program, lastWords: readonly string[] = []): void {
  assert.deepEqual(
    stdout.filter((line) => line.includes('internal error')),
    [],
  );
  assert.deepEqual(stderr, lastWords);
}

/**
 * A test that injects a fault. What it tells last is its line in the table.
 *
 * @param run gives the figures for the table
 */
export function fault(
  title: string,
  run: (t: TestContext) => Promise<string>,
  skip: string | false = false,
): void {
  test(title, { skip: isListing || skip }, async (t) => t.diagnostic(`${title}: ${await run(t)}`));
}
