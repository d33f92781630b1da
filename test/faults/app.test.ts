import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Chance } from '../simulation/chance.ts';
import { makePayload } from '../support/payload.ts';
import { descriptors } from '../support/process.ts';
import { reset } from '../support/reset.ts';
import { monotonicMs } from '../support/stall-recorder.ts';
import { stalledMs } from '../support/stalls.ts';
import { UpstreamProcess } from '../support/upstream-process.ts';
import { greeting, ready } from '../support/zmtp.ts';
import { Books, bodiesOf } from './books.ts';
import { fault, isFull, NO_REPLY, routeOf, startTrial } from './fault.ts';

/* Faults in what connects to a sidecar, and in how many connect. */

/** How long the admin page waits for the head of a request. */
const ADMIN_PATIENCE_MS = 3_000;

/** The bytes that a libzmq REQ sends for one request: greeting, READY, delimiter and body (RFC 23). */
const STREAM = Buffer.concat([greeting(), ready('REQ'), Buffer.from([1, 0, 0, 5, ...Buffer.from('hello')])]);

function open(address: string): Socket {
  const { hostname, port } = new URL(address);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on('error', () => undefined);
  socket.resume();
  return socket;
}

/** Changes, removes or repeats some bytes, or ends the stream early. */
function mutated(stream: Buffer, chance: Chance): Buffer {
  const bytes = [...stream];
  const byte = () => chance.whole(0, 255);
  for (let times = chance.whole(1, 4); times > 0; times--) {
    const at = chance.whole(0, bytes.length - 1);
    const kind = chance.whole(0, 3);
    if (kind === 0) bytes[at] = byte();
    else if (kind === 1) bytes.splice(at, 1);
    else if (kind === 2) bytes.splice(at, 0, ...Array.from({ length: chance.whole(1, 8) }, byte));
    else bytes.length = Math.max(1, at);
  }
  return Buffer.from(bytes);
}

fault('mutated ZMTP streams', async (t) => {
  const upstream = await UpstreamProcess.start(t);
  const trial = await startTrial(t, routeOf([upstream.address], { correlate: true }));
  const books = await Books.open(t, trial);
  const streams = isFull ? 100_000 : 500;
  // Different ones each time, but reproducible from the seed.
  const seed = Date.now() % 2 ** 31;
  t.diagnostic(`streams of seed ${seed}`);
  const chance = new Chance(seed);
  let sent = 0;
  const attack = async () => {
    while (sent < streams) {
      sent++;
      const socket = open(trial.address);
      socket.end(mutated(STREAM, chance));
      const late = globalThis.setTimeout(() => reset(socket), 20);
      await new Promise((resolve) => socket.on('close', resolve));
      clearTimeout(late);
    }
  };
  const attacks = Promise.all(Array.from({ length: 32 }, attack));
  await books.askOn(1, () => sent < streams);
  await attacks;
  assert.equal(books.failed, 0);
  assert.equal(await trial.total('lazypirate_attempts_total', NO_REPLY), 0);
  // Only some of the streams still carry a request.
  const figures = await books.balance({ executed: async () => bodiesOf(upstream), strangers: streams });
  return `${streams} streams; a good client meanwhile: ${figures}`;
});

fault('500 silent connections and 500 that speak HTTP', async (t) => {
  const upstream = await UpstreamProcess.start(t);
  const trial = await startTrial(t, routeOf([upstream.address]));
  const books = await Books.open(t, trial);
  const sockets = Array.from({ length: 1_000 }, () => open(trial.address));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  for (const socket of sockets.slice(500)) socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await books.askOn(1, () => books.asked < 500);
  const open500 = descriptors(trial.program.pid);
  for (const socket of sockets) reset(socket);
  assert.equal(books.failed, 0);
  assert.equal(await trial.total('lazypirate_attempts_total', NO_REPLY), 0);
  return `${open500} descriptors; a good client: ${await books.balance({ executed: async () => bodiesOf(upstream) })}`;
});

fault('1,000 apps at once', async (t) => {
  const upstream = await UpstreamProcess.start(t);
  const trial = await startTrial(t, routeOf([upstream.address], { correlate: true }));
  const books = await Books.open(t, trial);
  const apps = Array.from({ length: 1_000 }, () => books.app());
  const rounds = isFull ? 20 : 2;
  const sinceMs = performance.now();
  for (let round = 0; round < rounds; round++)
    await Promise.all(apps.map((app, client) => app.ask(makePayload(client, round))));
  const seconds = (performance.now() - sinceMs) / 1_000;
  assert.equal(books.failed, 0);
  return `${rounds} times, in ${seconds.toFixed(1)} s; ${await books.balance({ executed: async () => bodiesOf(upstream) })}`;
});

fault('100 scrapes in parallel', async (t) => {
  const upstream = await UpstreamProcess.start(t);
  const trial = await startTrial(t, routeOf([upstream.address]));
  const books = await Books.open(t, trial);
  const most = isFull ? 5_000 : 150;
  let [scrapes, late] = [0, 0];
  const scrape = async () => {
    while (scrapes++ < most) {
      const sinceMs = monotonicMs();
      const response = await fetch(`${trial.admin}/metrics`, { headers: { connection: 'close' } });
      const { status } = response;
      await response.text();
      if (status === 200) continue;
      // The request did not come in time.
      const stalled = stalledMs(sinceMs, monotonicMs());
      assert.ok(status === 408 && stalled > ADMIN_PATIENCE_MS / 2, `${status}, stalled for ${stalled} ms`);
      late++;
    }
  };
  const scraping = Promise.all(Array.from({ length: 100 }, scrape));
  await books.askOn(1, () => scrapes < most);
  await scraping;
  assert.equal(books.failed, 0);
  assert.equal(await trial.total('lazypirate_attempts_total', NO_REPLY), 0);
  return `${most} scrapes${late > 0 ? `, ${late} too late by a stall` : ''}; a good client: ${await books.balance({ executed: async () => bodiesOf(upstream) })}`;
});
