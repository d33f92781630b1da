import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Dealer } from 'zeromq';
import { context } from '../../src/transport/zeromq/context.ts';
import { failureOf } from '../support/ask.ts';
import { AS_IN_IMAGE, build } from '../support/built.ts';
import { TRANSPORT } from '../support/chosen-transport.ts';
import { MemoryCap } from '../support/memory-cap.ts';
import { rssMiB } from '../support/process.ts';
import { Program } from '../support/program.ts';
import { python, pythonSkip } from '../support/python.ts';
import { reply, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';
import { UpstreamProcess } from '../support/upstream-process.ts';
import { Books, bodiesOf } from './books.ts';
import { fault, isFull, routeOf, startTrial, type Trial } from './fault.ts';

/* Faults caused by the app beside the sidecar. */

const MIB = 1024 * 1024;

/** A separate process with a misbehaving app: a pyzmq script beside this file. */
function startApp(t: TestContext, script: string, ...args: (string | number)[]): Program {
  const file = fileURLToPath(new URL(script, import.meta.url));
  return Program.start(t, python ?? '', [file, ...args.map(String)]);
}

fault(
  'an app is killed with 50 requests in flight',
  async (t) => {
    let release = Promise.withResolvers<void>();
    const upstream = await ScriptedUpstream.start((body) =>
      body.startsWith('x') ? { do: 'hold', until: release.promise } : reply,
    );
    t.after(() => upstream.close());
    const limits = { adaptive: false, inFlightPerEndpoint: 64 };
    const trial = await startTrial(t, routeOf([upstream.address], { correlate: true, limits }));
    const books = await Books.open(t, trial);
    const rounds = isFull ? 50 : 2;
    for (let round = 0; round < rounds; round++) {
      const executed = () => upstream.seen.filter((body) => body.startsWith('x')).length;
      const app = startApp(t, 'apps.py', 'hold', trial.address, 50, 1_000);
      await until('all are at the upstream', () => executed() === (round + 1) * 50);
      app.kill('SIGKILL');
      await app.ended;
      await books.recovered();
      release.resolve();
      release = Promise.withResolvers();
      await books.recovered();
    }
    const figures = await books.balance({ executed: upstream.seen, strangers: rounds * 50 });
    const gone = await trial.total('lazypirate_requests_total', /outcome="client_gone"/);
    const answered = await trial.total('lazypirate_requests_total', /outcome="ok"/);
    assert.equal(gone, rounds * 50, 'each reply of the app that was killed found nobody');
    assert.equal(answered, books.own);
    return `${rounds} times: ${gone} of ${rounds * 50} replies had no receiver; other apps were served; ${figures}`;
  },
  pythonSkip,
);

/** Reads everything that has arrived. The first outcome must be that of request 0, and so on, whether a reply or a refusal. */
async function readAll(dealer: Dealer, counts: { own: number; refused: number }): Promise<void> {
  for (;;) {
    // EAGAIN: nothing more arrives.
    const frames = await dealer.receive().catch(() => undefined);
    if (frames === undefined) return;
    const failure = failureOf(frames.slice(1));
    if (failure !== undefined) {
      assert.equal(failure.code, 'OVERLOADED');
      counts.refused++;
    } else {
      assert.equal(String(frames[1]), String(counts.own + counts.refused));
      counts.own++;
    }
  }
}

fault('an app pipelines without reading', async (t) => {
  const upstream = await UpstreamProcess.start(t);
  const trial = await startTrial(t, routeOf([upstream.address], { limits: { queue: 100 } }));
  const books = await Books.open(t, trial);
  const rounds = isFull ? 50 : 2;
  const dealer = new Dealer({ context, linger: 0, receiveTimeout: 50 });
  t.after(() => dealer.close());
  dealer.connect(trial.address);
  let isOn = true;
  const good = books.askOn(4, () => isOn);
  const counts = { own: 0, refused: 0 };
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < 1_000; i++) await dealer.send(['', String(round * 1_000 + i)]);
    await until('each has its outcome', async () => {
      await readAll(dealer, counts);
      return counts.own + counts.refused === (round + 1) * 1_000;
    });
  }
  dealer.close();
  isOn = false;
  await good;
  assert.equal(books.failed, 0, 'nobody else is refused');
  return `${rounds} x 1,000 requests, then their replies: ${counts.own} replied and ${counts.refused} refused, in order; a good client: ${await books.balance({ executed: async () => bodiesOf(upstream), strangers: rounds * 1_000 })}`;
});

/** How many requests of a good client a short flood lasts: by the clock, a slow machine would be flooded with less. */
const ASKED_MEANWHILE = 50;

/** Floods a sidecar for a while beside a good client. Returns what the good client got, and the use of memory. */
async function flood(t: TestContext, books: Books, pid: number, args: [string, number, number]) {
  const flooding = startApp(t, 'apps.py', 'flood', ...args);
  await flooding.line((line) => (line.startsWith('sent') ? line : undefined));
  const beforeMiB = rssMiB(pid);
  const sinceMs = performance.now();
  let mostMiB = beforeMiB;
  await books.askOn(1, () => {
    mostMiB = Math.max(mostMiB, rssMiB(pid));
    return isFull ? performance.now() < sinceMs + 60_000 : books.asked < ASKED_MEANWHILE;
  });
  flooding.kill('SIGTERM');
  await flooding.ended;
  const requests = Number(/^sent (\d+)/.exec(flooding.stdout.at(-1) ?? '')?.[1]);
  return { requests, beforeMiB, mostMiB };
}

/** How many requests of the flood the sidecar has read: further ones wait in the kernel, and the app is held back. */
async function readBy({ total }: Trial): Promise<number> {
  return total('lazypirate_requests_received_total');
}

const FLOODS: readonly (readonly [string, number, number])[] = [
  ['one socket floods with 100 bytes', 1, 100],
  ...(isFull ? [['20 sockets flood with 1,000 bytes', 20, 1_000] as const] : []),
];
for (const [what, sockets, bytes] of FLOODS) {
  fault(
    `an app never reads: ${what}`,
    async (t) => {
      const upstream = await UpstreamProcess.start(t);
      const trial = await startTrial(t, routeOf([upstream.address]));
      const books = await Books.open(t, trial, 8);
      const args = [trial.address, sockets, bytes] as [string, number, number];
      const { requests, beforeMiB, mostMiB } = await flood(t, books, trial.program.pid, args);
      await books.recovered();
      const read = await readBy(trial);
      assert.equal(books.failed, 0, 'a good client is served throughout');
      // As many bytes of replies as the queue may have are kept for each.
      assert.ok(mostMiB < beforeMiB + 200 + 64 * sockets, `${beforeMiB} to ${mostMiB} MiB`);
      return `${requests} requests sent, ${read} read; memory ${beforeMiB.toFixed(0)} to ${mostMiB.toFixed(0)} MiB; a good client: ${await books.balance({ executed: async () => bodiesOf(upstream), strangers: requests })}`;
    },
    pythonSkip,
  );
}

const FLOOD_CAP_MIB = 128;
/** More, because V8 frees what was read and dropped only after tens of MiB of it, and later where its threads wait for a CPU. */
const UNFINISHED_CAP_MIB = 192;
const UNFINISHED_MIB = 512;
/** Uses one connection to the upstream. */
const SMALL = { correlate: true, limits: { queueBytes: '8MiB', messageBytes: '1MiB' } };
const capSkip = MemoryCap.isPossible ? pythonSkip : 'this machine lets us make no control group';

/** A sidecar as in the image. The kernel kills it if it takes more memory than allowed. */
async function startCapped(
  t: TestContext,
  capMiB: number,
): Promise<{ trial: Trial; cap: MemoryCap; upstream: UpstreamProcess }> {
  const cap = new MemoryCap(capMiB * MIB);
  const upstream = await UpstreamProcess.start(t);
  const options = { main: build(), env: AS_IN_IMAGE, through: cap.through };
  const trial = await startTrial(t, routeOf([upstream.address], SMALL), {}, options);
  t.after(() => cap.remove());
  return { trial, cap, upstream };
}

fault(
  `a flood with memory capped at ${FLOOD_CAP_MIB} MiB, queue at 8 MiB, messages at 1 MiB`,
  async (t) => {
    const { trial, cap, upstream } = await startCapped(t, FLOOD_CAP_MIB);
    const books = await Books.open(t, trial);
    const args = [trial.address, 4, 16 * 1024] as [string, number, number];
    const { requests } = await flood(t, books, trial.program.pid, args);
    await books.recovered();
    const read = await readBy(trial);
    assert.deepEqual([cap.kills, books.failed], [0, 0]);
    return `${requests} requests of 16 KiB sent, ${read} read, not killed; ${cap.peakMiB.toFixed(0)} MiB at most; a good client: ${await books.balance({ executed: async () => bodiesOf(upstream), strangers: requests })}`;
  },
  capSkip,
);

fault(
  'an app never finishes a message',
  async (t) => {
    const { trial, cap, upstream } = await startCapped(t, UNFINISHED_CAP_MIB);
    const books = await Books.open(t, trial);
    const { hostname, port } = new URL(trial.address);
    const app = startApp(t, 'unfinished.py', hostname, port, UNFINISHED_MIB);
    let isOn = true;
    const good = books.askOn(1, () => isOn);
    const sent = await app.line((line) => /^sent (\d+) MiB/.exec(line)?.[1]);
    await app.ended;
    isOn = false;
    await good;
    assert.deepEqual([cap.kills, books.failed], [0, 0]);
    const figures = await books.balance({ executed: async () => bodiesOf(upstream), strangers: 0 });
    return `${sent} MiB of one message, of which 1 MiB is allowed: not killed; ${cap.peakMiB.toFixed(0)} MiB at most; a good client: ${figures}`;
  },
  TRANSPORT === 'libzmq' ? 'libzmq keeps an unfinished message, whatever its size' : capSkip,
);
