import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { App, ask } from '../support/ask.ts';
import { Program, type Scope } from '../support/program.ts';
import { python, pythonSkip } from '../support/python.ts';
import { RawServer } from '../support/raw-server.ts';
import { startRoute } from '../support/route.ts';
import { soon, until } from '../support/until.ts';
import { FrameReader, frame, greeting, ready } from '../support/zmtp.ts';

const PEER = fileURLToPath(new URL('../foreign/peer.py', import.meta.url));
const NO_BUDGET = { ratio: 1, minPerSecond: 1_000 };
const APPS = 8;
const EMPTY = Buffer.alloc(0);

/** A REP of libzmq in a process of its own. */
async function startRep(scope: Scope, address: string) {
  const program = Program.start(scope, python ?? '', [PEER, 'serve', 'REP', address]);
  return { program, address: await program.line((line) => /^serving REP (\S+)/.exec(line)?.[1]) };
}

test('a REP of libzmq that is killed and started again loses no request, and gets many at once again', {
  skip: pythonSkip,
}, async (t) => {
  const { program, address } = await startRep(t, 'tcp://127.0.0.1:0');
  const proxy = await startRoute(t, [address], { transport: 'zmtp', correlate: 'auto', budget: NO_BUDGET });
  let isOver = false;
  const answered = Array.from({ length: APPS }, () => 0);
  const run = async (index: number) => {
    const app = new App(proxy.address);
    for (; !isOver; answered[index] = (answered[index] ?? 0) + 1) {
      const body = `${index} ${answered[index]}`;
      assert.equal((await app.ask(body)).text, body);
    }
    app.close();
  };
  const ended = Promise.all(answered.map((_, index) => run(index)));
  const all = async () => {
    const before = [...answered];
    const isNext = () => answered.every((count, index) => count > (before[index] ?? 0) + 1);
    await Promise.race([ended, until('each app has had answers', isNext)]);
  };
  await all();
  program.kill('SIGKILL');
  await program.ended;
  await startRep(t, address);
  await all();
  const [endpoint] = proxy.route.status().endpoints;
  isOver = true;
  await ended;
  assert.ok(proxy.count('reset', 'lost') > 0);
  assert.equal(proxy.count('notEchoed'), 0);
  assert.equal(endpoint?.inFlightLimit, 64);
});

/** Says that it is a REP, but answers behind a delimiter of its own, whatever stood above the body. */
function serveStripped(socket: Socket, envelopes: number[]): void {
  const reader = new FrameReader();
  const parts: Buffer[] = [];
  socket.write(Buffer.concat([greeting(), ready('REP')]));
  socket.on('data', (bytes: Buffer) => {
    for (const { isCommand, hasMore, body } of reader.read(bytes)) {
      if (isCommand) continue;
      parts.push(body);
      if (hasMore) continue;
      const message = parts.splice(0);
      envelopes.push(message.length - 2);
      socket.write(Buffer.concat([frame(EMPTY, true), frame(message.at(-1) ?? EMPTY, false)]));
    }
  });
}

test('a server that says REP but does not echo gets plain requests after the first, with one warning', async (t) => {
  /** How many frames stood above the delimiter of each request. */
  const envelopes: number[] = [];
  const server = await RawServer.start(t, (socket) => serveStripped(socket, envelopes));
  const { address, count, route } = await startRoute(t, [server.address], {
    transport: 'zmtp',
    correlate: 'auto',
  });
  for (const body of ['first', 'second', 'third']) assert.equal((await ask(address, body)).text, body);
  for (const socket of server.sockets) socket.destroy();
  await until('the connection is lost', () => count('reset') > 0);
  assert.equal((await soon('an answer', ask(address, 'on a new connection'))).text, 'on a new connection');
  assert.deepEqual(envelopes, [1, 0, 0, 0]);
  assert.equal(count('notEchoed'), 1);
  assert.equal(count('attempt', 'ok'), 4);
  assert.equal(route.status().endpoints[0]?.inFlightLimit, 8);
});

test('a server that says REP but does not echo answers many apps that ask at once, with one warning', async (t) => {
  const envelopes: number[] = [];
  const server = await RawServer.start(t, (socket) => serveStripped(socket, envelopes));
  const { address, count } = await startRoute(t, [server.address], { transport: 'zmtp', correlate: 'auto' });
  const bodies = Array.from({ length: 8 * APPS }, (_, index) => `body ${index}`);
  const answers = await soon('all are answered', Promise.all(bodies.map((body) => ask(address, body))));
  assert.deepEqual(
    answers.map(({ text }) => text),
    bodies,
  );
  assert.equal(envelopes.length, bodies.length);
  assert.equal(count('notEchoed'), 1);
});
