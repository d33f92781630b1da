import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { App, ask } from '../support/ask.ts';
import { descriptors } from '../support/process.ts';
import { startServe } from '../support/program.ts';
import { baseline, fault, isFull, routeOf, settled, startTrial } from './fault.ts';

/** What libzmq sends as a REQ with one request: greeting, READY, delimiter and body (RFC 23). */
const GREETING = Buffer.concat([
  Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0]),
  Buffer.from('NULL'),
  Buffer.alloc(48),
]);
const READY = Buffer.concat([
  Buffer.from([4, 25, 5]),
  Buffer.from('READY'),
  Buffer.from([11]),
  Buffer.from('Socket-Type'),
  Buffer.from([0, 0, 0, 3]),
  Buffer.from('REQ'),
]);
const REQUEST = Buffer.from([1, 0, 0, 5, ...Buffer.from('hello')]);
const STREAM = Buffer.concat([GREETING, READY, REQUEST]);

function open(address: string): Socket {
  const { hostname, port } = new URL(address);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on('error', () => undefined);
  socket.resume();
  return socket;
}

/** Some bytes of it are others now, are gone, are twice there, or it ends early. */
function mutated(stream: Buffer): Buffer {
  const bytes = [...stream];
  for (let times = 1 + Math.floor(Math.random() * 4); times > 0; times--) {
    const at = Math.floor(Math.random() * bytes.length);
    const kind = Math.floor(Math.random() * 4);
    if (kind === 0) bytes[at] = Math.floor(Math.random() * 256);
    else if (kind === 1) bytes.splice(at, 1);
    else if (kind === 2) bytes.splice(at, 0, ...randomBytes(1 + Math.floor(Math.random() * 8)));
    else bytes.length = Math.max(1, at);
  }
  return Buffer.from(bytes);
}

fault('mutated ZMTP streams', async (t) => {
  const serve = await startServe(t);
  const trial = await startTrial(t, routeOf([serve.address], { correlate: true }));
  const good = new App(trial.address);
  t.after(() => good.close());
  await good.ask('hello');
  const before = await baseline(trial);
  const streams = isFull ? 100_000 : 2_000;
  let sent = 0;
  let slowestMs = 0;
  const attack = async () => {
    while (sent < streams) {
      sent++;
      const socket = open(trial.address);
      socket.end(mutated(STREAM));
      const late = globalThis.setTimeout(() => socket.resetAndDestroy(), 20);
      await new Promise((resolve) => socket.on('close', resolve));
      clearTimeout(late);
    }
  };
  const attacks = Promise.all(Array.from({ length: 32 }, attack));
  let served = 0;
  for (; sent < streams; served++) {
    const { text, ms } = await good.ask(`request ${served}`);
    assert.equal(text, `request ${served}`);
    slowestMs = Math.max(slowestMs, ms);
  }
  await attacks;
  assert.ok(slowestMs < 1_000, `${slowestMs} ms`);
  return `${streams} streams; a good client had ${served} of ${served} requests answered meanwhile, slowest ${slowestMs.toFixed(0)} ms; ${await settled(trial, before)}`;
});

fault('500 silent connections and 500 that speak HTTP', async (t) => {
  const serve = await startServe(t);
  const trial = await startTrial(t, routeOf([serve.address]));
  const good = new App(trial.address);
  t.after(() => good.close());
  await good.ask('hello');
  const before = await baseline(trial);
  const sockets = Array.from({ length: 1_000 }, () => open(trial.address));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  for (const socket of sockets.slice(500)) socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  let slowestMs = 0;
  for (let i = 0; i < 500; i++) {
    const { text, ms } = await good.ask(`request ${i}`);
    assert.equal(text, `request ${i}`);
    slowestMs = Math.max(slowestMs, ms);
  }
  const open500 = descriptors(trial.program.pid);
  for (const socket of sockets) socket.resetAndDestroy();
  assert.ok(slowestMs < 500, `${slowestMs} ms`);
  return `500 of 500 requests of a good client answered, slowest ${slowestMs.toFixed(0)} ms, with ${open500} descriptors; ${await settled(trial, before)}`;
});

fault('1,000 apps at once', async (t) => {
  const serve = await startServe(t);
  const trial = await startTrial(t, routeOf([serve.address], { correlate: true }));
  await ask(trial.address, 'hello');
  const before = await baseline(trial);
  const apps = Array.from({ length: 1_000 }, () => new App(trial.address));
  const rounds = isFull ? 20 : 2;
  const sinceMs = performance.now();
  let slowestMs = 0;
  for (let round = 0; round < rounds; round++) {
    const answers = await Promise.all(apps.map((app, index) => app.ask(`${index}.${round}`)));
    answers.forEach(({ text, ms }, index) => {
      assert.equal(text, `${index}.${round}`);
      slowestMs = Math.max(slowestMs, ms);
    });
  }
  const seconds = (performance.now() - sinceMs) / 1_000;
  for (const app of apps) app.close();
  return `${rounds * 1_000} of ${rounds * 1_000} answered in ${seconds.toFixed(1)} s, slowest ${slowestMs.toFixed(0)} ms; ${await settled(trial, before)}`;
});

fault('100 scrapes in parallel', async (t) => {
  const serve = await startServe(t);
  const trial = await startTrial(t, routeOf([serve.address]));
  const app = new App(trial.address);
  t.after(() => app.close());
  await app.ask('hello');
  await (await fetch(`${trial.admin}/metrics`)).text();
  const before = await baseline(trial);
  const untilMs = performance.now() + (isFull ? 30_000 : 2_000);
  let scrapes = 0;
  const scrape = async () => {
    for (; performance.now() < untilMs; scrapes++) {
      const response = await fetch(`${trial.admin}/metrics`, { headers: { connection: 'close' } });
      assert.equal(response.status, 200);
      await response.text();
    }
  };
  const scraping = Promise.all(Array.from({ length: 100 }, scrape));
  const times: number[] = [];
  while (performance.now() < untilMs) times.push((await app.ask('hello')).ms);
  await scraping;
  times.sort((a, b) => a - b);
  const p99 = times[Math.floor(times.length * 0.99)] ?? 0;
  assert.ok((times.at(-1) ?? 0) < 2_500);
  return `${scrapes} scrapes, ${times.length} of ${times.length} requests answered, p99 ${p99.toFixed(0)} ms; ${await settled(trial, before)}`;
});
