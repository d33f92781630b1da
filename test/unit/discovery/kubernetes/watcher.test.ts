import assert from 'node:assert/strict';
import { syncBuiltinESMExports } from 'node:module';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import {
  ApiFailure,
  type ApiPage,
  type ApiResource,
  Watcher,
} from '../../../../src/discovery/kubernetes/watcher.ts';
import { Told } from '../../../support/told.ts';

const STEP_MS = 100;

/** What the server does with a watch: for how long it stands, and whether it is cut then or refused (410) or comes to its end. */
interface Stand {
  ms: number;
  isCut: boolean;
  isExpired?: boolean;
}

/** An API server of which all that counts is when it is asked. */
class ScriptedResource implements ApiResource {
  readonly listsMs: number[] = [];
  readonly cutsMs: number[] = [];
  /** How many of the next lists fail. */
  #failing: number;
  stand: Stand;

  constructor(failing: number, stand: Stand) {
    this.#failing = failing;
    this.stand = stand;
  }

  async list(): Promise<ApiPage> {
    this.listsMs.push(performance.now());
    if (this.#failing-- > 0) throw new ApiFailure('unreachable', 'down');
    return { items: [], version: '1', next: undefined };
  }

  async watch(_version: string, event: (type: string, object: unknown) => void): Promise<void> {
    event('BOOKMARK', {});
    const { ms, isCut, isExpired } = this.stand;
    await new Promise((resolve) => setTimeout(resolve, ms));
    if (isExpired) throw new ApiFailure('expired', '410');
    if (!isCut) return;
    this.cutsMs.push(performance.now());
    throw new ApiFailure('unreachable', 'cut');
  }

  /** How long after each cut it was asked again. */
  get pausesMs(): number[] {
    return this.cutsMs.map((cutMs) => (this.listsMs.find((listMs) => listMs > cutMs) ?? Number.NaN) - cutMs);
  }
}

/** A watcher on a clock that goes only when it is told to, and whose pauses are this share of the longest they can be. */
function start(t: TestContext, resource: ScriptedResource, share = 0.999_999) {
  let nowMs = 0;
  t.mock.method(performance, 'now', () => nowMs);
  t.mock.method(Math, 'random', () => share);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  syncBuiltinESMExports();
  const stopping = new AbortController();
  const running = new Watcher(
    resource,
    (object) => object,
    new Told(),
    () => undefined,
  ).run(stopping.signal);
  t.after(async () => {
    stopping.abort();
    t.mock.timers.runAll();
    await running;
    t.mock.timers.reset();
    syncBuiltinESMExports();
  });
  const pass = async (ms: number) => {
    for (const untilMs = nowMs + ms; nowMs < untilMs; nowMs += STEP_MS) {
      await setImmediate();
      t.mock.timers.tick(STEP_MS);
    }
  };
  return pass;
}

test('failures are forgotten after a quiet time, even if no watch lasted for long', async (t) => {
  const resource = new ScriptedResource(7, { ms: 90_000, isCut: false });
  const pass = start(t, resource);
  await pass(100_000);
  assert.equal(resource.listsMs.length, 8);
  await pass(120_000);
  resource.stand = { ms: 10_000, isCut: true };
  await pass(100_000);
  assert.ok(resource.pausesMs[0] !== undefined && resource.pausesMs[0] <= 1_000, `${resource.pausesMs}`);
});

test('a watch that is cut repeatedly leads to longer and longer pauses, up to 30 s', async (t) => {
  const resource = new ScriptedResource(0, { ms: 60_000, isCut: true });
  const pass = start(t, resource);
  await pass(15 * 60_000);
  const seconds = resource.pausesMs.map((ms) => Math.round(ms / 1_000));
  assert.deepEqual(seconds.slice(0, 8), [1, 2, 3, 6, 13, 26, 30, 30]);
});

test('410 on each watch: one list a second at most', async (t) => {
  const resource = new ScriptedResource(0, { ms: 0, isCut: false, isExpired: true });
  const pass = start(t, resource, 0);
  await pass(20_000);
  const gaps = resource.listsMs.slice(1).map((listMs, index) => listMs - (resource.listsMs[index] ?? 0));
  assert.ok(gaps.length > 10, `${gaps.length + 1} lists in 20 s`);
  assert.ok(Math.min(...gaps) >= 1_000, `${gaps}`);
});
