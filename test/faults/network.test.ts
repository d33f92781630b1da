import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { FarNetwork } from '../support/far-network.ts';
import { monotonicMs } from '../support/stall-recorder.ts';
import { until } from '../support/until.ts';
import { UpstreamProcess } from '../support/upstream-process.ts';
import { Books, bodiesOf } from './books.ts';
import { fault, isFull, routeOf, startTrial } from './fault.ts';

/* Connections whose other side has disappeared: nothing gets through in either direction, and nothing reports it. */

const APPS = 8;
/** How many requests an upstream has had before it is lost. */
const WORK = 50;
const SECONDS = isFull ? 20 : 1;
const TIMES = isFull ? 10 : 1;
const HEARTBEAT = { heartbeat: { interval: '200ms', timeout: '600ms' } };
const POLICY = { timeout: '300ms', deadline: '1500ms', ...HEARTBEAT };
/** A request may be tried at the lost upstream first, and be as slow at the other one as a busy machine makes it. */
const PATIENT = { timeout: '5s', ...HEARTBEAT };
const missing = FarNetwork.missing();

fault(
  'a blackholed route, with open connections',
  async (t) => {
    const far = FarNetwork.open(t);
    const upstream = await far.startUpstream(t);
    const trial = await startTrial(t, routeOf([upstream.address], POLICY));
    const books = await Books.open(t, trial, APPS);
    const recoveries: number[] = [];
    for (let times = 0; times < TIMES; times++) {
      far.blackhole();
      const untilMs = performance.now() + (SECONDS * 1_000) / TIMES;
      await books.askOn(APPS, () => performance.now() < untilMs);
      far.mend();
      recoveries.push(await books.recovered());
    }
    assert.ok(books.failed >= APPS);
    const slowestMs = Math.max(...recoveries).toFixed(0);
    return `${TIMES} times; served again within ${slowestMs} ms at most; ${await books.balance({ executed: async () => bodiesOf(upstream) })}`;
  },
  missing,
);

fault(
  'a blackholed route, with idle connections and default settings',
  async (t) => {
    const far = FarNetwork.open(t);
    const upstream = await far.startUpstream(t);
    const trial = await startTrial(t, routeOf([upstream.address]));
    const books = await Books.open(t, trial, APPS);
    far.blackhole();
    const sinceMs = performance.now();
    await trial.program.logged('endpoint down');
    const noticedMs = performance.now() - sinceMs;
    far.mend();
    const recoveredMs = await books.recovered();
    return `noticed after ${noticedMs.toFixed(0)} ms; served again within ${recoveredMs.toFixed(0)} ms; ${await books.balance({ executed: async () => bodiesOf(upstream) })}`;
  },
  missing,
);

fault(
  'a blackholed route, before the first connection',
  async (t) => {
    const far = FarNetwork.open(t);
    const upstream = await far.startUpstream(t);
    far.blackhole();
    const trial = await startTrial(t, routeOf([upstream.address], POLICY));
    const books = await Books.open(t, trial, 0);
    const untilMs = performance.now() + SECONDS * 1_000;
    await books.askOn(APPS, () => performance.now() < untilMs);
    assert.deepEqual([books.own, upstream.executions], [0, []]);
    far.mend();
    const recoveredMs = await books.recovered();
    return `served again within ${recoveredMs.toFixed(0)} ms; ${await books.balance({ executed: async () => bodiesOf(upstream) })}`;
  },
  missing,
);

fault(
  'a blackholed route, to one of two upstreams',
  async (t) => {
    const far = FarNetwork.open(t);
    const [lost, near] = [await far.startUpstream(t), await UpstreamProcess.start(t)];
    const trial = await startTrial(t, routeOf([lost.address, near.address], PATIENT));
    const books = await Books.open(t, trial, APPS);
    let isOver = false;
    const asking = books.askOn(APPS, () => !isOver);
    await until('both have work', () => [lost, near].every(({ executions }) => executions.length >= WORK));
    far.blackhole();
    // The time of the outage.
    await setTimeout(SECONDS * 1_000);
    far.mend();
    const sinceMs = monotonicMs();
    const before = lost.executions.length;
    await lost.program.line(() => lost.executions.length > before || undefined);
    const backMs = await books.backWithin(2_000, sinceMs);
    isOver = true;
    await asking;
    assert.equal(books.failed, 0);
    return `used again after ${backMs.toFixed(0)} ms; ${await books.balance({ executed: async () => bodiesOf(lost, near) })}`;
  },
  missing,
);
