import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Dealer, Request } from 'zeromq';
import { App, ask } from '../support/ask.ts';
import { TRANSPORT } from '../support/chosen-transport.ts';
import { type RouteOptions, type RunningRoute, startRoute } from '../support/route.ts';
import { drop, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { greeting, ready } from '../support/zmtp.ts';

async function start(t: TestContext, options = {}): Promise<RunningRoute> {
  const upstream = await ScriptedUpstream.start();
  t.after(() => upstream.close());
  return startRoute(t, [upstream.address], options);
}

/** Connects, writes what it is given, and stays until the test ends. */
async function intrude(t: TestContext, address: string, bytes?: Buffer): Promise<Socket> {
  const { port, hostname } = new URL(address.replace('tcp:', 'http:'));
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  if (bytes) socket.write(bytes);
  return socket;
}

/** A good client beside bad ones; every answer has to be its own, until it is told to stop. */
function goodClient(address: string) {
  const app = new App(address);
  let isOn = true;
  const asked = (async () => {
    let count = 0;
    for (; isOn || count < 50; count++) assert.equal((await app.ask(`good ${count}`)).text, `good ${count}`);
    app.close();
    return count;
  })();
  return {
    stop: () => {
      isOn = false;
      return asked;
    },
  };
}

const INTRUDERS: Record<string, readonly (Buffer | undefined)[]> = {
  'HTTP on the listener': [
    Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    Buffer.from('POST /x HTTP/1.1\r\n\r\nxx'),
  ],
  'random bytes on the listener': Array.from({ length: 50 }, () => randomBytes(1_000)),
  'connections that never speak': Array.from({ length: 100 }, () => undefined),
  'handshakes that stop half way': [greeting().subarray(0, 5), greeting().subarray(0, 12), greeting()],
  'a handshake that goes on with junk': Array.from({ length: 20 }, () =>
    Buffer.concat([greeting(), randomBytes(500)]),
  ),
};

for (const [what, all] of Object.entries(INTRUDERS)) {
  test(`${what}: a good client beside is served throughout`, async (t) => {
    const { address, count } = await start(t);
    const good = goodClient(address);
    for (const bytes of all) await intrude(t, address, bytes);
    const served = await good.stop();
    // No less: random bytes may happen to be a request in ZMTP 1.0, which has no handshake.
    assert.ok(count('settled', 'ok') >= served);
  });
}

/** An app that sends, lot by lot, and does not read; each reply is of 16 KiB, and the system keeps up to 10 MiB of them on the way. */
async function unread(t: TestContext, options: RouteOptions, lot: number, sent: number) {
  const upstream = await ScriptedUpstream.start({ do: 'reply', frames: [Buffer.alloc(16 * 1_024)] });
  t.after(() => upstream.close());
  const running = await startRoute(t, [upstream.address], options);
  const app = new Dealer({ linger: 0, receiveHighWaterMark: 1 });
  t.after(() => app.close());
  app.connect(running.address);
  let settled = 0;
  running.watch(({ kind }) => {
    if (kind === 'settled') settled++;
  });
  for (let count = 0; count < sent; ) {
    for (const end = count + lot; count < end; count++) await app.send(['', 'x']);
    await running.event(() => settled === count);
  }
  return { ...running, app };
}

test('libzmq keeps a limited number of replies for an app that does not read, and a good client is served', async (t) => {
  const { address, count } = await unread(t, { transport: 'libzmq', limits: { queue: 100 } }, 75, 1_500);
  const kept = count('settled', 'ok');
  assert.ok(kept >= 1_000 && kept < 1_500, `${kept} of 1500`);
  assert.equal((await ask(address, 'a good one')).frames[0]?.length, 16 * 1_024);
});

test('an app that does not read is dropped when its replies exceed the limit, and a good client is served', async (t) => {
  const upstream = await ScriptedUpstream.start({ do: 'reply', frames: [Buffer.alloc(64 * 1_024)] });
  t.after(() => upstream.close());
  const { address, event, count } = await startRoute(t, [upstream.address], {
    transport: 'zmtp',
    limits: { queueBytes: 1_000_000, messageBytes: 1_000_000 },
  });
  // It speaks for itself, because a socket of libzmq reads ahead.
  const requests = Array(1_000).fill(Buffer.from([1, 0, 0, 1, 0]));
  const app = await intrude(t, address, Buffer.concat([greeting(), ready('DEALER'), ...requests]));
  app.pause();
  await event((e) => e.kind === 'droppedClient');
  assert.ok(count('settled', 'ok') > 15, 'as many as the limit has room for');
  assert.equal((await ask(address, 'a good one')).frames[0]?.length, 64 * 1_024);
});

test('an app that has sent far ahead gets PONGs, although its requests are not read', async (t) => {
  const upstream = await ScriptedUpstream.start(drop);
  t.after(() => upstream.close());
  const { address, event, count } = await startRoute(t, [upstream.address], { transport: 'zmtp' });
  const modern = greeting();
  modern[11] = 1;
  const requests = Array(100).fill(Buffer.from([1, 0, 0, 1, 0]));
  const app = await intrude(t, address, Buffer.concat([modern, ready('DEALER'), ...requests]));
  await event(() => count('received') > 10);
  const ponged = once(
    app.on('data', (bytes) => bytes.includes('PONG') && app.emit('pong')),
    'pong',
  );
  app.write(Buffer.from('\x04\x07\x04PING\0\0', 'latin1'));
  await ponged;
  assert.ok(count('received') < 100, 'the others wait');
});

test('an app that has all its requests answered before it reads finds every reply', async (t) => {
  // With libzmq, requests that are sent further ahead than it holds are refused.
  const { app, count } = await unread(t, { transport: 'zmtp', limits: { queue: 3_000 } }, 2_000, 2_000);
  assert.equal(count('settled', 'ok'), 2_000);
  for (let number = 0; number < 2_000; number++)
    assert.equal((await app.receive()).at(-1)?.length, 16 * 1_024);
});

// libzmq ends the process where it is asked to change what it has promised to connections that it has just freed.
test('the size of the queue can change while clients come and go', async (t) => {
  const { apply, address } = await start(t, { transport: 'libzmq' });
  for (let number = 0; number < 50; number++) {
    // Several, so that some have just gone when it is asked.
    const asked = Array.from({ length: 8 }, () => ask(address, 'x'));
    apply({ limits: { queue: 1_000 + (number % 7) } });
    for (const { text } of await Promise.all(asked)) assert.equal(text, 'x');
  }
});

test('messages without a delimiter or a body are dropped and counted', async (t) => {
  const { address, count, event } = await start(t);
  const dealer = new Dealer({ linger: 0 });
  t.after(() => dealer.close());
  dealer.connect(address);
  const good = goodClient(address);
  for (const frames of [['no delimiter'], ['two', 'frames'], [''], ['id', '']]) await dealer.send(frames);
  // In order behind them, so that they are all in when it is answered.
  await dealer.send(['', 'a request']);
  assert.deepEqual((await dealer.receive()).map(String), ['', 'a request']);
  const first = await event((e) => e.kind === 'malformed');
  // libzmq does not tell where an app is.
  if (TRANSPORT === 'zmtp') assert.match(String('address' in first && first.address), /^127\.0\.0\.1:\d+$/);
  assert.equal(count('malformed'), 4);
  await good.stop();
});

test('a request far over the limit is skipped and refused, and its connection stays', async (t) => {
  const { address } = await start(t, { transport: 'zmtp', limits: { messageBytes: 1_000 } });
  const app = new App(address);
  t.after(() => app.close());
  assert.equal((await app.ask(Buffer.alloc(5_000_000))).failure?.code, 'TOO_LARGE');
  assert.equal((await app.ask('a small one')).text, 'a small one');
});

test('a limit of one byte lets apps connect, and refuses what is larger', async (t) => {
  const { address } = await start(t, { limits: { messageBytes: 1 } });
  const app = new App(address);
  t.after(() => app.close());
  assert.equal((await app.ask('x')).text, 'x');
  assert.equal((await app.ask(Buffer.alloc(1_000_000))).failure?.code, 'TOO_LARGE');
  assert.equal((await app.ask('y')).text, 'y');
});

test('a message of more than 65,536 frames is refused', async (t) => {
  const { address } = await start(t);
  const app = new Request({ linger: 0 });
  t.after(() => app.close());
  app.connect(address);
  const askFrames = async (count: number) => {
    await app.send(Array<string>(count).fill('x'));
    return app.receive();
  };
  assert.equal((await askFrames(65_536)).length, 65_536);
  assert.match(String(await askFrames(65_537)), /"TOO_LARGE","message":"the request has too many frames"/);
});

test('libzmq drops the connection of a request over twice the limit, and its app can go on', async (t) => {
  const { address } = await start(t, { transport: 'libzmq', limits: { messageBytes: 1_000_000 } });
  const good = goodClient(address);
  const greedy = new Request({ linger: 0 });
  greedy.connect(address);
  const dropped = (async () => {
    for await (const { type } of greedy.events) if (type === 'disconnect') return;
  })();
  await greedy.send(Buffer.alloc(2_100_000));
  await dropped;
  greedy.close();
  await good.stop();
  assert.equal((await ask(address, 'a new socket')).text, 'a new socket');
});

test('of two clients with the same routing id the first is served, and never gets replies to the second', async (t) => {
  const { address } = await start(t);
  const [first, second] = [0, 1].map(() => new Dealer({ routingId: 'same', linger: 0 }));
  assert.ok(first && second);
  t.after(() => {
    first.close();
    second.close();
  });
  first.connect(address);
  await first.send(['', 'first 0']);
  assert.equal(String((await first.receive())[1]), 'first 0');
  second.connect(address);
  await second.send(['', 'second']);
  const good = goodClient(address);
  for (let i = 1; i < 50; i++) {
    await first.send(['', `first ${i}`]);
    assert.equal(String((await first.receive())[1]), `first ${i}`);
  }
  await good.stop();
});

/** Something that listens where an endpoint should be, and is none. */
async function impostor(t: TestContext, greet: (socket: Socket) => void): Promise<string> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    t.after(() => socket.destroy());
    greet(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `tcp://127.0.0.1:${(server.address() as { port: number }).port}`;
}

test('an endpoint that does not speak ZMTP gets no requests, and the others serve all', async (t) => {
  const upstream = await ScriptedUpstream.start();
  t.after(() => upstream.close());
  const impostors = [
    await impostor(t, (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')),
    await impostor(t, (socket) => socket.write(Buffer.concat([greeting(), randomBytes(200)]))),
    await impostor(t, (socket) => socket.end()),
    await impostor(t, () => undefined),
  ];
  const { address, route, count } = await startRoute(t, [...impostors, upstream.address]);
  for (let i = 0; i < 100; i++) assert.equal((await ask(address, `q${i}`)).text, `q${i}`);
  assert.equal(upstream.seen.length, 100);
  assert.equal(count('attempt', 'ok'), 100);
  const up = route.status().endpoints.filter(({ state }) => state === 'up');
  assert.deepEqual(
    up.map((one) => one.address),
    [upstream.address],
  );
});

test('an endpoint that did not speak ZMTP at first is used once it does', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).resume();
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `tcp://127.0.0.1:${(server.address() as { port: number }).port}`;
  const { address, event } = await startRoute(t, [endpoint]);
  const connected = once(server, 'connection');
  const answer = ask(address, 'waiting');
  await event((e) => e.kind === 'received');
  await connected;
  server.close();
  await once(server, 'close');
  const upstream = await ScriptedUpstream.start({ do: 'reply' }, endpoint);
  t.after(() => upstream.close());
  assert.equal((await answer).text, 'waiting');
});
