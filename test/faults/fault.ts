import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Exposition } from '../support/exposition.ts';
import { descriptors } from '../support/process.ts';
import { type RunningSidecar, startSidecar } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';

/** The whole length of each fault, or a short form of it. */
export const isFull = process.env['LAZYPIRATE_FAULTS'] === 'full';
/** Where the figures of each fault are written, one file each, for the table. */
const RESULTS = fileURLToPath(new URL('./.results/', import.meta.url));
const SETTLE_MS = 5_000;
const folder = scratch();
let configs = 0;

/** What a fault does to a sidecar process. */
export interface Trial extends RunningSidecar {
  /** Sum of the series of a metric whose labels match. */
  total(metric: string, labels?: RegExp): Promise<number>;
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
  writeFileSync(file, JSON.stringify({ ...settings, routes: [route] }));
  const sidecar = await startSidecar(t, ['--config', file], options);
  return {
    ...sidecar,
    total: async (metric, labels) => (await Exposition.of(sidecar.admin)).total(metric, labels),
  };
}

/** Descriptors of a sidecar that has come to rest. */
export async function baseline({ program }: Trial): Promise<number> {
  let last = 0;
  for (let same = 0; same < 10; same++) {
    const now = descriptors(program.pid);
    if (now !== last) same = 0;
    last = now;
    await setTimeout(20);
  }
  return last;
}

/** Waits until it is as it was: at most 5 s. */
export async function settled({ program, total }: Trial, before: number): Promise<string> {
  const sinceMs = performance.now();
  const isQuiet = async () =>
    Math.abs(descriptors(program.pid) - before) <= 2 && (await total('lazypirate_in_flight_requests')) === 0;
  while (!(await isQuiet())) {
    const open = descriptors(program.pid);
    assert.ok(
      performance.now() - sinceMs < SETTLE_MS,
      `${open} descriptors, ${before} before; or still in flight`,
    );
    await setTimeout(50);
  }
  assert.deepEqual(
    program.stdout.filter((line) => line.includes('internal error')),
    [],
  );
  assert.deepEqual(program.stderr, []);
  return `descriptors ${before} to ${descriptors(program.pid)}`;
}

/**
 * A test that injects a fault.
 *
 * @param run gives the figures for the table
 */
export function fault(
  title: string,
  run: (t: TestContext) => Promise<string>,
  skip: string | false = false,
): void {
  test(title, { skip }, async (t) => {
    const figures = await run(t);
    t.diagnostic(`${title}: ${figures}`);
    if (!isFull) return;
    mkdirSync(RESULTS, { recursive: true });
    writeFileSync(join(RESULTS, `${title.replace(/\W+/g, '-')}.json`), JSON.stringify({ title, figures }));
  });
}
