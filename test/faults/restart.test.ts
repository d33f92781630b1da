import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { ManInTheMiddle } from '../support/man-in-the-middle.ts';
import { until } from '../support/until.ts';
import { UpstreamProcess } from '../support/upstream-process.ts';
import { Books, bodiesOf } from './books.ts';
import { fault, isFull, REPLY, REPLY_BYTES, routeOf, startTrial } from './fault.ts';

/* Upstream processes that are killed (SIGKILL) and restarted. */

const APPS = 8;
/** How many requests an upstream has had before it is killed. */
const WORK = 100;

/** Repeatedly kills the only upstream, once it has done some work, and starts another one, while apps send requests. */
async function killAgain(
  t: TestContext,
  books: Books,
  first: UpstreamProcess,
  restart: (old: UpstreamProcess) => Promise<UpstreamProcess>,
): Promise<string> {
  const upstreams = [first];
  let isOver = false;
  const asking = books.askOn(APPS, () => !isOver);
  t.after(() => {
    isOver = true;
  });
  const times = isFull ? 20 : 2;
  let [last, slowestMs] = [first, 0];
  for (let time = 0; time < times; time++) {
    await until('it has work', () => last.executions.length >= WORK);
    await last.kill();
    last = await restart(last);
    upstreams.push(last);
    slowestMs = Math.max(slowestMs, await books.recovered());
  }
  isOver = true;
  await asking;
  assert.equal(books.failed, 0);
  return `${times} times; served at most ${slowestMs.toFixed(0)} ms after it was back; ${await books.balance({ executed: async () => bodiesOf(...upstreams) })}`;
}

for (const correlate of [false, true]) {
  fault(`the only upstream is killed and restarted, correlate: ${correlate}`, async (t) => {
    const upstream = await UpstreamProcess.start(t);
    const trial = await startTrial(t, routeOf([upstream.address], { correlate }));
    const books = await Books.open(t, trial, APPS);
    return killAgain(t, books, upstream, (old) => old.restart(t));
  });
}

fault('the only upstream is killed and returns on another address, with a reload', async (t) => {
  const upstream = await UpstreamProcess.start(t);
  const route = ({ address }: UpstreamProcess) => routeOf([address]);
  const trial = await startTrial(t, route(upstream));
  const books = await Books.open(t, trial, APPS);
  return killAgain(t, books, upstream, async () => {
    const fresh = await UpstreamProcess.start(t);
    trial.rewrite(route(fresh));
    return fresh;
  });
});

fault('all three upstreams disappear and come back', async (t) => {
  const upstreams = await Promise.all([1, 2, 3].map(() => UpstreamProcess.start(t)));
  const addresses = upstreams.map(({ address }) => address);
  const trial = await startTrial(t, routeOf(addresses, { wait: '200ms' }));
  const books = await Books.open(t, trial, APPS);
  const times = isFull ? 5 : 1;
  let slowestMs = 0;
  for (let time = 0; time < times; time++) {
    await Promise.all(upstreams.slice(-3).map((upstream) => upstream.kill()));
    const untilMs = performance.now() + (isFull ? 5_000 : 1_000);
    await books.askOn(APPS, () => performance.now() < untilMs);
    upstreams.push(...(await Promise.all(addresses.map((address) => UpstreamProcess.start(t, address)))));
    slowestMs = Math.max(slowestMs, await books.recovered());
    const back = upstreams.slice(-3);
    const haveWork = () => back.every(({ executions }) => executions.length >= WORK);
    await books.askUntil(APPS, 'all three have work', haveWork);
  }
  assert.ok(books.failed > APPS);
  return `${times} times; served at most ${slowestMs.toFixed(0)} ms after they were back; ${await books.balance({ executed: async () => bodiesOf(...upstreams) })}`;
});

/** More than the buffers of both kernels hold, so that the upstream is still writing when it is killed. */
const LARGE = Buffer.alloc(12 * 2 ** 20, 'x');

/** Kills the upstream when the given number of bytes of its reply has come through, and restarts it. */
async function killAfter(t: TestContext, reply: string | Buffer, counts: readonly number[]) {
  const upstreams = [await UpstreamProcess.start(t)];
  const [{ address }] = upstreams as [UpstreamProcess];
  const relay = await ManInTheMiddle.start(address);
  t.after(() => relay.close());
  const route = routeOf([relay.address], { budget: { ratio: 1 } });
  const trial = await startTrial(t, route);
  const books = await Books.open(t, trial);
  for (const bytes of counts) {
    const passed = relay.holdAfter(bytes);
    const asking = books.ask(reply);
    await passed;
    await upstreams.at(-1)?.kill();
    relay.resume();
    upstreams.push(await UpstreamProcess.start(t, address));
    assert.ok((await asking).frames[0]?.equals(Buffer.from(reply)));
  }
  const lost = await trial.total('lazypirate_attempts_total', /result="lost"/);
  assert.equal(lost, counts.length);
  return `${lost} attempts lost; ${await books.balance({ executed: async () => bodiesOf(...upstreams) })}`;
}

fault('the upstream is killed after each byte of its reply', async (t) => {
  const every = Array.from({ length: REPLY_BYTES }, (_, bytes) => bytes);
  const counts = isFull ? every : [0, 3, REPLY_BYTES - 1];
  return `after ${isFull ? `0 to ${REPLY_BYTES - 1}` : counts.join(', ')} bytes; ${await killAfter(t, REPLY, counts)}`;
});

fault('the upstream is killed while it writes a reply of 12 MiB', async (t) => {
  const counts = isFull ? [0, 1, 2, 10, 2 ** 16, 2 ** 20, 2 ** 22, LARGE.length] : [2 ** 20];
  return `after ${counts.join(', ')} bytes; ${await killAfter(t, LARGE, counts)}`;
});
