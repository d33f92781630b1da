import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Exposition } from '../support/exposition.ts';
import { descriptors } from '../support/process.ts';
import { type Program, type RunningSidecar, startSidecar } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';

/** The whole length of each fault, or a short form of it. */
export const isFull = process.env['LAZYPIRATE_FAULTS'] === 'full';
const SETTLE_MS = 5_000;
/** Of a connected socket whose events are read: three that libzmq signals with, and the connection. */
const LANE_DESCRIPTORS = 4;
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

/** A sidecar that has nothing to do. Its lanes stay for a minute after they were of use. */
export interface Rest {
  descriptors: number;
  lanes: number;
}

/** A configuration of one route, as JSON, which is YAML. */
export function routeOf(endpoints: readonly string[], keys: object = {}) {
  return { name: 'orders', listen: 'tcp://127.0.0.1:0', upstream: { endpoints }, ...keys };
}

/** A sidecar that must be as it was when the test is over: nothing in flight, no bug met, descriptors as before. */
export async function startTrial(
  t: TestContext,
  route: object,
  settings: object = {},
  options?: Parameters<typeof startSidecar>[2],
): Promise<Trial> {
  const file = join(folder, `${configs++}.yaml`);
  const rewrite = (now: object) => writeFileSync(file, JSON.stringify({ ...settings, routes: [now] }));
  rewrite(route);
  const sidecar = await startSidecar(t, ['--config', file], options);
  return {
    ...sidecar,
    rewrite,
    metrics: () => Exposition.of(sidecar.admin),
    total: async (metric, labels) => (await Exposition.of(sidecar.admin)).total(metric, labels),
    status: async () => (await (await fetch(`${sidecar.admin}/status`)).json()) as Status,
  };
}

/** What a sidecar holds that has come to rest. */
export async function baseline(trial: Trial): Promise<Rest> {
  let last = { descriptors: 0, lanes: 0 };
  for (let same = 0; same < 10; same++) {
    const now = { descriptors: descriptors(trial.program.pid), lanes: await lanesOf(trial) };
    if (now.descriptors !== last.descriptors || now.lanes !== last.lanes) same = 0;
    last = now;
    await setTimeout(20);
  }
  return last;
}

/** Waits until it is as it was, but for lanes that have nothing to do: at most 5 s. */
export async function settled(trial: Trial, before: Rest): Promise<string> {
  const { program, total } = trial;
  const sinceMs = performance.now();
  for (;;) {
    const more = (await lanesOf(trial)) - before.lanes;
    const open = descriptors(program.pid);
    const inFlight = await total('lazypirate_in_flight_requests');
    if (Math.abs(open - more * LANE_DESCRIPTORS - before.descriptors) <= 2 && inFlight === 0) {
      checkLog(program);
      return `descriptors ${before.descriptors} to ${open}${more === 0 ? '' : `, lanes ${before.lanes} to ${before.lanes + more}`}`;
    }
    assert.ok(
      performance.now() - sinceMs < SETTLE_MS,
      `${open} descriptors with ${more} lanes more, ${before.descriptors} before; ${inFlight} in flight`,
    );
    await setTimeout(50);
  }
}

async function lanesOf({ status }: Trial): Promise<number> {
  const { routes } = await status();
  return routes.flatMap(({ endpoints }) => endpoints).reduce((sum, { lanes }) => sum + lanes, 0);
}

/** Promise 7: it lives, met no bug of its own, and Node had nothing to say. */
function checkLog({ child, stdout, stderr }: Program): void {
  assert.deepEqual([child.exitCode, child.signalCode], [null, null]);
  assert.deepEqual(
    stdout.filter((line) => line.includes('internal error')),
    [],
  );
  assert.deepEqual(stderr, []);
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
  test(title, { skip }, async (t) => t.diagnostic(`${title}: ${await run(t)}`));
}
