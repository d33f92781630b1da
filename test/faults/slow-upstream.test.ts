import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { App } from '../support/ask.ts';
import { answeredBy, startServe } from '../support/program.ts';
import { SerialUpstream } from '../support/serial-upstream.ts';
import { monotonicMs } from '../support/stall-recorder.ts';
import { until } from '../support/until.ts';
import { UpstreamProcess } from '../support/upstream-process.ts';
import { Books, bodiesOf } from './books.ts';
import { fault, isFull, routeOf, startTrial } from './fault.ts';

/* Upstreams that are up but do not answer in time. */

const TIMEOUT_MS = 100;
const BUDGET = { ratio: 0.2, minPerSecond: 0 };
const SERVICE_MS = 120;
/** Of one endpoint, by default. */
const IN_FLIGHT = 8;
const MANY = 500;
const APPS = 12;

/** Sends the same number of requests without a sidecar, and returns how long that took. */
async function askDirectly(address: string, requests: number): Promise<number> {
  const sinceMs = performance.now();
  let asked = 0;
  const run = async () => {
    const app = new App(address);
    while (asked++ < requests) await app.ask('directly');
    app.close();
  };
  await Promise.all(Array.from({ length: APPS }, run));
  return performance.now() - sinceMs;
}

for (const correlate of [false, true]) {
  fault(`a serial upstream takes 1.2 times the timeout, correlate: ${correlate}`, async (t) => {
    const upstream = await SerialUpstream.start(1);
    t.after(() => upstream.close());
    const trial = await startTrial(
      t,
      // No retry but for the budget's share, so that executions can be counted. A slow machine makes the service slower still.
      routeOf([upstream.address], { correlate, timeout: `${TIMEOUT_MS}ms`, budget: BUDGET }),
    );
    const books = await Books.open(t, trial);
    upstream.serviceMs = SERVICE_MS;
    const slowMs = performance.now();
    await books.askOn(APPS, () => performance.now() < slowMs + (isFull ? 60_000 : 2_500));
    const seconds = (performance.now() - slowMs) / 1_000;
    const slow = { asked: books.asked, own: books.own, executions: upstream.executions };
    assert.ok(
      slow.executions <= (1 + BUDGET.ratio) * slow.asked + 10,
      `${slow.executions} executions for ${slow.asked}`,
    );
    assert.ok(slow.own > 0.5 * slow.asked, `${slow.own} replied of ${slow.asked}`);
    const inVain = slow.executions - slow.own;
    assert.ok(inVain <= APPS, `more than the first request of each app was executed in vain: ${inVain}`);
    const limit = async () => (await trial.status()).routes[0]?.endpoints[0]?.inFlightLimit ?? 0;
    assert.ok((await limit()) < IN_FLIGHT, 'it has less in flight than it may have at most');

    upstream.serviceMs = 1;
    let [rounds, recoveredMs] = [0, 0];
    await until('it is trusted as before, and not much slower than no sidecar', async () => {
      const [{ asked }, sinceMs] = [books, performance.now()];
      await books.askOn(APPS, () => books.asked < asked + MANY);
      recoveredMs = performance.now() - sinceMs;
      rounds++;
      const directMs = await askDirectly(upstream.address, MANY);
      return (await limit()) >= IN_FLIGHT && recoveredMs < 4 * directMs;
    });
    assert.equal(books.asked - slow.asked, books.own - slow.own);
    const executions = upstream.executions - rounds * MANY;
    const used = ((slow.own * SERVICE_MS) / (seconds * 10)).toFixed(0);
    return `${slow.own} of ${slow.asked} replied with ${slow.executions} executions in ${seconds.toFixed(1)} s, ${used} % of its capacity; ${MANY} requests within ${recoveredMs.toFixed(0)} ms afterwards, in round ${rounds}; ${await books.balance({ executed: executions })}`;
  });
}

for (const correlate of [false, true]) {
  fault(`the only upstream is stopped (SIGSTOP), correlate: ${correlate}`, async (t) => {
    const serve = await startServe(t);
    const trial = await startTrial(
      t,
      routeOf([serve.address], { correlate, timeout: '300ms', deadline: '1s' }),
    );
    const books = await Books.open(t, trial, 8);
    const times = isFull ? 10 : 1;
    let slowestMs = 0;
    for (let time = 0; time < times; time++) {
      serve.program.kill('SIGSTOP');
      const untilMs = performance.now() + (isFull ? 5_000 * Math.random() : 1_000);
      await books.askOn(8, () => performance.now() < untilMs);
      serve.program.kill('SIGCONT');
      slowestMs = Math.max(slowestMs, await books.recovered());
      await books.askOn(8, () => performance.now() < untilMs + 500);
    }
    assert.ok(books.failed >= 8);
    // It has to be there until the sidecar is at rest, and leaves to tell what it did.
    const figures = await books.balance({ executed: () => answeredBy(serve.program) });
    return `${times} times; served again within ${slowestMs.toFixed(0)} ms at most; ${figures}`;
  });
}

/** One that has failed is tried again each second. The other one may be slow too, where the machine is. */
const POLICY = { timeout: '300ms', attempts: 20, ejection: { max: '1s' } };

fault('one of two upstreams is stopped (SIGSTOP)', async (t) => {
  const [stopped, other] = [await UpstreamProcess.start(t), await UpstreamProcess.start(t)];
  const endpoints = [stopped.address, other.address];
  const trial = await startTrial(t, routeOf(endpoints, POLICY));
  const books = await Books.open(t, trial, 8);
  let isOver = false;
  // More than the other upstream gets at once.
  const asking = books.askOn(3 * IN_FLIGHT, () => !isOver);
  stopped.program.kill('SIGSTOP');
  // The time for which it is stopped.
  await setTimeout(isFull ? 30_000 : 1_000);
  const before = stopped.executions.length;
  stopped.program.kill('SIGCONT');
  const sinceMs = monotonicMs();
  // By now, everything that it had in flight when it was stopped is late.
  await stopped.program.line(() => stopped.executions.length > before + IN_FLIGHT || undefined);
  const backMs = await books.backWithin(2_000, sinceMs);
  isOver = true;
  await asking;
  assert.equal(books.failed, 0);
  const overdue = await trial.total('lazypirate_attempts_total', /result="timeout"/);
  assert.ok(overdue > 0, 'it had nothing to do when it was stopped');
  const figures = await books.balance({ executed: async () => bodiesOf(stopped, other) });
  return `${overdue} attempts timed out; used again after ${backMs.toFixed(0)} ms; ${figures}`;
});
