import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { TRANSPORT } from '../support/chosen-transport.ts';
import { Exposition } from '../support/exposition.ts';
import { descriptors } from '../support/process.ts';
import { type Program, type ProgramOptions, type RunningSidecar, startSidecar } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const mode = process.env['LAZYPIRATE_FAULTS'];
/** Whether to only list the tests, with the titles of their full length. */
const isListing = mode === 'list';
/** Whether to run each fault at full length, or a short version. */
export const isFull = mode === 'full' || isListing;
/** A reply to cut, and the size of its frames: delimiter and body, each after flags and length (RFC 23). */
export const REPLY = 'a reply of forty bytes, to be cut anywhere';
export const REPLY_BYTES = 2 + 2 + REPLY.length;
/** How much the number of descriptors may differ after a fault. */
const SPARE_DESCRIPTORS = 2;
const TRIM_ON_SIGNAL = fileURLToPath(new URL('trim-on-signal.ts', import.meta.url));
const folder = scratch();
let configs = 0;

/** A sidecar process under a fault. */
export interface Trial extends RunningSidecar {
  /** Sum of the series of a metric whose labels match. */
  total(metric: string, labels?: RegExp): Promise<number>;
  metrics(): Promise<Exposition>;
  status(): Promise<Status>;
  /** Rewrites its configuration file, which it watches. */
  rewrite(route: object): void;
}

/** The part of `/status` that these tests read. */
interface Status {
  uptimeMs: number;
  routes: {
    policy: object;
    endpoints: { address: string; state: string; lanes: number; inFlightLimit: number }[];
  }[];
}

/** Long enough for any machine: everything that is not lost comes in time. */
const PATIENT = { timeout: '60s', deadline: '10m' };

/** A configuration with one route, as JSON, which is valid YAML. */
export function routeOf(endpoints: readonly string[], keys: object = {}) {
  return {
    name: 'orders',
    listen: 'tcp://127.0.0.1:0',
    transport: TRANSPORT,
    upstream: { endpoints },
    ...PATIENT,
    ...keys,
  };
}

/** A sidecar that must be as before when the test is over: nothing in flight, no internal error, the same number of descriptors. */
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
    status: async () => (await (await fetch(`${sidecar.inspect}/status`)).json()) as Status,
  };
}

/** It closes its idle lanes when told to. */
function trimmable({ env = {}, ...options }: ProgramOptions): ProgramOptions {
  return {
    ...options,
    env: { ...env, NODE_OPTIONS: `${env['NODE_OPTIONS'] ?? ''} --import=${TRIM_ON_SIGNAL}` },
  };
}

/** The number of descriptors of an idle sidecar, with one lane for each endpoint. The connection of the last look may be one of them. */
export async function baseline({ program, status }: Trial): Promise<number> {
  const last: number[] = [];
  for (;;) {
    program.kill('SIGWINCH');
    // It handles the signal before it answers.
    await status();
    last.push(descriptors(program.pid));
    const least = Math.min(...last);
    if (last.length > 10 && Math.max(...last) <= least + 1) return least;
    if (last.length > 10) last.shift();
    await setTimeout(20);
  }
}

/** Waits until it has as many descriptors as before, give or take two. */
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

/** Attempts without a reply, as labels of their metric. A good client beside a fault must not have any. */
export const NO_REPLY = /result="(timeout|lost|unsent)"/;

/** Promise 7: no internal error, and nothing on standard error except these last words. */
export function checkLog({ stdout, stderr }: Program, lastWords: readonly string[] = []): void {
  assert.deepEqual(
    stdout.filter((line) => line.includes('internal error')),
    [],
  );
  assert.deepEqual(stderr, lastWords);
}

/**
 * A test that injects a fault. Its last diagnostic is its line in the table.
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
