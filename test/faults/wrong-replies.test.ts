import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { JunkPeer, type Mischief } from '../support/junk-peer.ts';
import { garbage, reply, ScriptedUpstream, type Step } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';
import { UpstreamProcess } from '../support/upstream-process.ts';
import { greeting, ready } from '../support/zmtp.ts';
import { Books, bodiesOf } from './books.ts';
import { fault, isFull, routeOf, startTrial, type Trial } from './fault.ts';

/* An endpoint that sends invalid replies, beside a good one. */

const APPS = 8;
const EACH_MS = isFull ? 5_000 : 100;
/** The bad endpoint is never ejected, so that it can do its worst; every request may be sent again. */
const KEPT = { ejection: { failures: 1_000 }, budget: { ratio: 1 }, timeout: '2s', attempts: 5 };
const LIMIT = 10_000;

async function untilAllUp({ status }: Trial): Promise<number> {
  const sinceMs = performance.now();
  let states: string[] = [];
  await until(
    () => `every endpoint is up: ${states}`,
    async () => {
      const { routes } = await status();
      states = routes.flatMap(({ endpoints }) => endpoints.map(({ state }) => state));
      return states.every((state) => state === 'up');
    },
  );
  return performance.now() - sinceMs;
}

const WRONG_FRAMES: Record<string, Step> = {
  'no delimiter': garbage('what is this'),
  'no body': garbage(''),
  'an id that nobody sent': garbage(Buffer.alloc(6, 0xff), '', 'whose is this'),
  'a hundred empty frames': garbage(...Array.from({ length: 100 }, () => '')),
};

for (const correlate of [false, true]) {
  fault(`one of two upstreams sends wrong frames, correlate: ${correlate}`, async (t) => {
    const [bad, good] = [await ScriptedUpstream.start(), await UpstreamProcess.start(t)];
    t.after(() => bad.close());
    const keys = { ...KEPT, correlate, limits: { messageBytes: LIMIT } };
    const trial = await startTrial(t, routeOf([bad.address, good.address], keys));
    const books = await Books.open(t, trial, APPS);
    const counts: string[] = [];
    for (const [name, step] of Object.entries(WRONG_FRAMES)) {
      // Without correlation, everything after the delimiter is a body; a REQ would also take it for its reply.
      if (!correlate && name === 'a hundred empty frames') continue;
      const before = bad.seen.length;
      bad.script = () => step;
      const untilMs = performance.now() + EACH_MS;
      const isDone = () => performance.now() > untilMs && bad.seen.length > before;
      await books.askUntil(APPS, `it does this: ${name}`, isDone);
      counts.push(`${name} ${bad.seen.length - before} times`);
    }
    bad.script = () => reply;
    const upMs = await untilAllUp(trial);
    const before = bad.seen.length;
    await books.askUntil(APPS, 'it is used again', () => bad.seen.length >= before + 10);
    assert.ok(books.failed <= books.asked * 0.01, `${books.failed} failed`);
    const executed = async () => [...bad.seen, ...bodiesOf(good)];
    return `${counts.join(', ')}; up again within ${upMs.toFixed(0)} ms; ${await books.balance({ executed })}`;
  });
}

fault('one of two upstreams sends replies that are too large', async (t) => {
  const large: Step = { do: 'reply', frames: [Buffer.alloc(LIMIT + 1)] };
  const [bad, good] = [await ScriptedUpstream.start(), await UpstreamProcess.start(t)];
  t.after(() => bad.close());
  const keys = { ...KEPT, timeout: '5s', limits: { messageBytes: LIMIT } };
  const trial = await startTrial(t, routeOf([bad.address, good.address], keys));
  const books = await Books.open(t, trial, APPS);
  const before = bad.seen.length;
  bad.script = () => large;
  const untilMs = performance.now() + EACH_MS;
  await books.askUntil(APPS, 'it does this', () => performance.now() > untilMs && bad.seen.length > before);
  // Each was executed once, and not sent to another endpoint.
  assert.equal(books.codes, `${bad.seen.length - before} REPLY_TOO_LARGE`);
  assert.equal(new Set(bad.seen).size, bad.seen.length);
  const executed = async () => [...bad.seen, ...bodiesOf(good)];
  return books.balance({ executed });
});

/** Completes the handshake as a ROUTER, and sends these bytes when a request arrives. */
function afterHandshake(junk: () => Buffer): Mischief {
  return (near, done) => {
    near.write(greeting());
    near.write(ready('ROUTER'));
    let bytes = 0;
    near.on('data', (chunk) => {
      bytes += chunk.length;
      // A DEALER's own greeting and READY are 64 + 43 bytes with its empty routing id.
      if (bytes <= 110) return;
      near.write(junk());
      done();
    });
  };
}

function atOnce(act: (near: Socket) => unknown): Mischief {
  return (near, done) => {
    act(near);
    done();
  };
}

const MISCHIEF: Record<string, Mischief> = {
  'a greeting of noise': atOnce((near) => near.write(randomBytes(1_000))),
  'an HTTP response': atOnce((near) => near.write('HTTP/1.1 400 Bad Request\r\n\r\n')),
  'a greeting with an unknown mechanism': atOnce((near) => near.write(greeting('WHAT'))),
  'the close of each connection': atOnce((near) => near.destroy()),
  silence: atOnce((near) => near.resume()),
  'noise after the handshake': afterHandshake(() => randomBytes(1_000)),
  'a frame of 2^63 - 1 bytes': afterHandshake(() => Buffer.from('027fffffffffffffff', 'hex')),
  'a frame that never ends': afterHandshake(() => Buffer.from('0000010000000000ffff00', 'hex')),
};

fault('one of two upstreams is not ZeroMQ: noise, HTTP, silence, broken frames', async (t) => {
  const [behind, good] = [await UpstreamProcess.start(t), await UpstreamProcess.start(t)];
  const bad = await JunkPeer.start(behind.address);
  t.after(() => bad.close());
  const trial = await startTrial(t, routeOf([bad.address, good.address], KEPT));
  const books = await Books.open(t, trial, APPS);
  let slowestMs = 0;
  for (const [name, mischief] of Object.entries(MISCHIEF)) {
    const before = bad.spoilt;
    bad.mischief = mischief;
    const untilMs = performance.now() + EACH_MS;
    const isDone = () => performance.now() > untilMs && bad.spoilt > before;
    await books.askUntil(APPS, `it does this: ${name}`, isDone);
    bad.mischief = undefined;
    slowestMs = Math.max(slowestMs, await untilAllUp(trial));
  }
  assert.equal(books.failed, 0);
  const before = behind.executions.length;
  await books.askUntil(APPS, 'it is used again', () => behind.executions.length >= before + 10);
  const names = Object.keys(MISCHIEF).join(', ');
  return `${names}, ${bad.spoilt} times; up again within ${slowestMs.toFixed(0)} ms at most; ${await books.balance({ executed: async () => bodiesOf(behind, good) })}`;
});
