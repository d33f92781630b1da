import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Dealer, Reply, Request, Router } from 'zeromq';
import type { ConnectionEnd } from '../../src/transport/connection-end.ts';
import { type Body, bodyOf, copyOf, DELIMITER, envelopeOf, framesOf } from '../../src/transport/message.ts';
import type { Client, PeerInfo, Refusal, Target } from '../../src/transport/transport.ts';
import { GREETING_REST, OPENING } from '../../src/transport/zmtp/greeting.ts';
import { readyCommand } from '../../src/transport/zmtp/metadata.ts';
import { zmtp } from '../../src/transport/zmtp/zmtp-transport.ts';
import { until } from '../support/until.ts';
import { echo, listening } from '../support/zmtp-listener.ts';

const MiB = 2 ** 20;
const SHAPES: Record<string, Buffer[]> = {
  'one byte': [Buffer.from('x')],
  'an empty frame': [Buffer.alloc(0)],
  'two empty frames': [Buffer.alloc(0), Buffer.alloc(0)],
  'an empty frame first, in the middle and last': ['', 'a', '', 'b', ''].map((text) => Buffer.from(text)),
  '254, 255 and 256 bytes': [254, 255, 256].map((length) => Buffer.alloc(length, length)),
  '100 frames': Array.from({ length: 100 }, (_, index) => Buffer.from(String(index))),
  '1 MiB': [Buffer.alloc(MiB, 7)],
  'small, large, small': [Buffer.from('a'), Buffer.alloc(200_000, 9), Buffer.from('b')],
};

type Told =
  | { kind: 'accepted' }
  | { kind: 'ready'; peer: PeerInfo }
  | { kind: 'message'; envelope: Buffer; body: Body }
  | { kind: 'malformed' }
  | { kind: 'tooLarge'; bytes: number }
  | { kind: 'closed'; end: ConnectionEnd };

/** A connection, and what it tells, one after the other. */
function connected(
  t: TestContext,
  address: string,
  settings: Partial<Target> = {},
  lent: (body: Body) => void = () => undefined,
) {
  const told: Told[] = [];
  const waiting: ((one: Told) => void)[] = [];
  const tell = (one: Told) => {
    const resolve = waiting.shift();
    if (resolve === undefined) told.push(one);
    else resolve(one);
  };
  const target: Target = {
    address,
    messageBytes: 2 * MiB,
    connectTimeoutMs: 60_000,
    handshakeTimeoutMs: 60_000,
    heartbeat: undefined,
    curve: undefined,
    ...settings,
  };
  const connection = zmtp.connect(target, {
    accepted: () => tell({ kind: 'accepted' }),
    ready: (peer) => tell({ kind: 'ready', peer }),
    message: (envelope, body) => {
      lent(body);
      tell({ kind: 'message', envelope: Buffer.from(envelope), body: copyOf(body) });
    },
    malformed: () => tell({ kind: 'malformed' }),
    tooLarge: (_, bytes) => tell({ kind: 'tooLarge', bytes }),
    closed: (end) => tell({ kind: 'closed', end }),
  });
  t.after(() => connection.close());
  const next = async <K extends Told['kind']>(kind: K): Promise<Extract<Told, { kind: K }>> => {
    let one = told.shift() ?? (await new Promise<Told>((resolve) => waiting.push(resolve)));
    if (one.kind === 'accepted' && kind !== 'accepted')
      one = told.shift() ?? (await new Promise<Told>((resolve) => waiting.push(resolve)));
    assert.equal(one.kind, kind, JSON.stringify(one));
    return one as Extract<Told, { kind: K }>;
  };
  return { connection, next };
}

/** A TCP server that does this with each connection. */
async function served(t: TestContext, serve: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a REQ of libzmq gets back what it sent, in any shape', async (t) => {
  const { address } = await listening(t, echo);
  const app = new Request({ linger: 0 });
  t.after(() => app.close());
  app.connect(address);
  for (const [what, frames] of Object.entries(SHAPES)) {
    await app.send(frames);
    assert.deepEqual(await app.receive(), frames, what);
  }
});

test('a REQ that correlates gets its envelope back, over ipc as well', async (t) => {
  const { address } = await listening(t, echo, `ipc://@lazypirate-zmtp-${process.pid}`);
  const app = new Request({ linger: 0, correlate: true, relaxed: true });
  t.after(() => app.close());
  app.connect(address);
  await app.send('x');
  assert.deepEqual((await app.receive()).map(String), ['x']);
});

for (const [type, server] of [
  ['REP', new Reply({ linger: 0 })],
  ['ROUTER', new Router({ linger: 0 })],
] as const)
  test(`a ${type} of libzmq gets what was sent, and its replies arrive complete`, async (t) => {
    t.after(() => server.close());
    await server.bind('tcp://127.0.0.1:0');
    const serve = async () => {
      for (;;) await server.send(await server.receive());
    };
    serve().catch(() => undefined);
    const { connection, next } = connected(t, server.lastEndpoint ?? '');
    assert.deepEqual((await next('ready')).peer, { socketType: type, version: '3.1' });
    const envelope = envelopeOf([Buffer.from('id')]);
    for (const [what, frames] of Object.entries(SHAPES)) {
      connection.send(envelope, bodyOf(frames));
      const reply = await next('message');
      assert.deepEqual(reply.envelope, envelope);
      assert.deepEqual(framesOf(reply.body.chunks), frames, what);
    }
  });

test('what is kept of a reply by mistake is emptied, so that it cannot become a part of another one', async (t) => {
  const server = new Router({ linger: 0 });
  t.after(() => server.close());
  await server.bind('tcp://127.0.0.1:0');
  const kept: Buffer[] = [];
  const { connection, next } = connected(t, server.lastEndpoint ?? '', {}, (body) =>
    kept.push(...body.chunks),
  );
  await next('ready');
  connection.send(DELIMITER, bodyOf([Buffer.from('one of two')]));
  await server.send(await server.receive());
  await next('message');
  await new Promise(setImmediate);
  assert.deepEqual(Buffer.concat(kept), Buffer.alloc(2 + 'one of two'.length));
});

test('many messages of one turn arrive in order', async (t) => {
  const server = new Router({ linger: 0 });
  t.after(() => server.close());
  await server.bind('tcp://127.0.0.1:0');
  const { connection, next } = connected(t, server.lastEndpoint ?? '');
  await next('ready');
  const count = 1_000;
  for (let index = 0; index < count; index++)
    connection.send(DELIMITER, bodyOf([Buffer.alloc(index * 17, index)]));
  for (let index = 0; index < count; index++) {
    const [, , body] = await server.receive();
    assert.ok(body?.equals(Buffer.alloc(index * 17, index)), `message ${index}`);
  }
  assert.equal(connection.handedOver, count);
});

test('a socket of a type that sends no requests is refused and reported', async (t) => {
  const refused = Promise.withResolvers<Refusal>();
  const { address } = await listening(t, { refused: refused.resolve });
  const router = new Router({ linger: 0 });
  t.after(() => router.close());
  router.connect(address);
  const { why, address: from } = await refused.promise;
  // Both sides notice it. If the other one does so first, it hangs up and says nothing.
  assert.match(why, /^the peer is a ROUTER socket|^the peer closed the connection, in the handshake/);
  assert.equal(from, '127.0.0.1');
});

test('the last reply arrives whole although more was sent and never read before the listener closed', async (t) => {
  const asked = Promise.withResolvers<{ client: Client; envelope: Buffer }>();
  const listener = await listening(t, {
    request: (client, envelope) => {
      client.pause();
      asked.resolve({ client, envelope });
    },
  });
  const app = connect(Number(listener.address.split(':').pop()), '127.0.0.1');
  t.after(() => app.destroy());
  app.write(
    Buffer.concat([
      OPENING,
      GREETING_REST,
      readyCommand('DEALER'),
      envelopeOf([]),
      ...bodyOf([Buffer.from('x')]).chunks,
    ]),
  );
  const { client, envelope } = await asked.promise;
  // Stays in the kernel on the other side, as does the reply on this one.
  await new Promise((resolve) =>
    app.write(Buffer.concat([envelopeOf([]), ...bodyOf([Buffer.from('unread')]).chunks]), resolve),
  );
  // More than the kernel takes, so that the second one is held back.
  for (const size of [16 * MiB, MiB])
    assert.equal(client.reply(envelope, bodyOf([Buffer.alloc(size, 7)])), 'taken');
  const reply = Buffer.alloc(MiB, 7);
  const closed = listener.close(600_000);
  assert.equal(client.reply(envelope, bodyOf([reply])), 'gone');
  await new Promise(setImmediate);
  const came: Buffer[] = [];
  for await (const chunk of app) came.push(chunk as Buffer);
  await closed;
  const all = Buffer.concat(came);
  assert.ok(all.length > 17 * MiB && all.subarray(-MiB).equals(reply), `${all.length} bytes`);
});

test('an app that leaves is noticed, and its reply is dropped', async (t) => {
  const asked = Promise.withResolvers<Client>();
  const left = Promise.withResolvers<Client>();
  const { address } = await listening(t, { request: asked.resolve, left: left.resolve });
  const app = new Request({ linger: 0 });
  app.connect(address);
  await app.send('x');
  const client = await asked.promise;
  app.close();
  assert.equal(await left.promise, client);
  assert.equal(client.reply(DELIMITER, bodyOf([Buffer.from('x')])), 'gone');
});

test('an app that does not read is disconnected when its unread replies exceed the limit', async (t) => {
  const asked = Promise.withResolvers<Client>();
  const { address } = await listening(t, { request: asked.resolve });
  const app = new Dealer({ linger: 0, receiveHighWaterMark: 1 });
  t.after(() => app.close());
  app.connect(address);
  await app.send(['', 'x']);
  const client = await asked.promise;
  const body = bodyOf([Buffer.alloc(MiB)]);
  let taken = 0;
  let came = client.reply(DELIMITER, body);
  for (; came === 'taken'; taken++) came = client.reply(DELIMITER, body);
  assert.equal(came, 'full');
  assert.ok(taken >= 64, `${taken}`);
  assert.equal(client.reply(DELIMITER, body), 'gone');
});

test('an app that reads is not disconnected, however many replies it gets at once', async (t) => {
  const count = 20;
  const fates: unknown[] = [];
  const { address } = await listening(
    t,
    {
      request: (client, envelope, body) => {
        while (fates.length < count) fates.push(client.reply(envelope, body));
      },
    },
    undefined,
    { unreadBytes: 1_000 },
  );
  const app = new Dealer({ linger: 0 });
  t.after(() => app.close());
  app.connect(address);
  const request = ['', 'x'.repeat(500)];
  await app.send(request);
  await until('all are sent', () => fates.length === count);
  assert.ok(!fates.includes('full'), `${fates}`);
  for (let reply = 0; reply < count; reply++) assert.deepEqual((await app.receive()).map(String), request);
});

test('a request over the limit is answered, whatever its size, without being stored', async (t) => {
  const { address } = await listening(t, {
    ...echo,
    tooLarge: (client, envelope, bytes) =>
      client.reply(envelope, bodyOf([Buffer.from(`too large: ${bytes}`)])),
  });
  const app = new Request({ linger: 0 });
  t.after(() => app.close());
  app.connect(address);
  await app.send([Buffer.alloc(50 * MiB), Buffer.alloc(1)]);
  assert.deepEqual((await app.receive()).map(String), [`too large: ${50 * MiB + 1}`]);
  await app.send(Buffer.from('small'));
  assert.deepEqual((await app.receive()).map(String), ['small']);
});

test('a server of ZMTP 2.0 is spoken to in its own version', async (t) => {
  const address = await served(t, (socket) => {
    const came: Buffer[] = [];
    socket.write(Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1, 4, 0, 0]));
    socket.on('data', (chunk: Buffer) => {
      came.push(chunk);
      const all = Buffer.concat(came);
      // Opening, type and identity take 14 bytes; what follows is sent back.
      if (all.length <= 14) return;
      assert.deepEqual([...all.subarray(10, 14)], [3, 5, 0, 0]);
      came.splice(0, came.length, all.subarray(0, 14));
      socket.write(all.subarray(14));
    });
  });
  const { connection, next } = connected(t, address);
  assert.deepEqual((await next('ready')).peer, { socketType: 'REP', version: '2.0' });
  connection.send(DELIMITER, bodyOf([Buffer.from('old')]));
  assert.deepEqual(framesOf((await next('message')).body.chunks).map(String), ['old']);
});

test('an app of ZMTP 2.0 is answered', async (t) => {
  const { address } = await listening(t, echo);
  const socket = connect(Number(address.split(':').pop()), '127.0.0.1');
  t.after(() => socket.destroy());
  socket.write(Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1, 3, 0, 2, 0x6d, 0x65, 1, 0, 0, 1, 0x78]));
  let all = Buffer.alloc(0);
  while (all.length < 14 + 5) all = Buffer.concat([all, (await once(socket, 'data'))[0] as Buffer]);
  assert.deepEqual([...all.subarray(10)], [3, 4, 0, 0, 1, 0, 0, 1, 0x78]);
});

test('messages that the kernel never got are known when the connection drops', async (t) => {
  const sockets: Socket[] = [];
  const address = await served(t, (socket) => {
    sockets.push(socket);
    socket.write(Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1, 4, 0, 0]));
    socket.once('data', () => socket.pause());
  });
  const { connection, next } = connected(t, address);
  await next('ready');
  const body = bodyOf([Buffer.alloc(MiB)]);
  for (let index = 0; index < 100; index++) connection.send(DELIMITER, body);
  await new Promise(setImmediate);
  for (const socket of sockets) socket.resetAndDestroy();
  assert.equal((await next('closed')).end.kind, 'reset');
  assert.ok(connection.handedOver > 0 && connection.handedOver < 100, `${connection.handedOver} of 100`);
});

test('messages that the kernel refuses at once have not been handed over', async (t) => {
  const sockets: Socket[] = [];
  const address = await served(t, (socket) => {
    sockets.push(socket);
    socket.write(Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1, 4, 0, 0]));
    socket.resume();
  });
  for (const sizes of [[1], [MiB], [1, 1, MiB, 1]]) {
    const { connection, next } = connected(t, address);
    await next('ready');
    assert.equal(connection.send(DELIMITER, bodyOf([Buffer.from('before')])), 1);
    sockets.shift()?.resetAndDestroy();
    for (const size of sizes) connection.send(DELIMITER, bodyOf([Buffer.alloc(size)]));
    assert.equal((await next('closed')).end.kind, 'reset');
    assert.equal(connection.handedOver, 1, `${sizes}`);
    assert.equal(connection.withdraw(1), false);
    assert.equal(connection.withdraw(2), true);
  }
});

test('a message that is held back can be taken back, and never leaves', async (t) => {
  let isReading = false;
  const came: Buffer[] = [];
  const sockets: Socket[] = [];
  const address = await served(t, (socket) => {
    sockets.push(socket);
    socket.write(Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1, 4, 0, 0]));
    socket.once('data', () => {
      socket.pause();
      socket.on('data', (chunk: Buffer) => came.push(chunk));
      isReading = true;
    });
  });
  const { connection, next } = connected(t, address);
  await next('ready');
  await until('the server stops to read', () => isReading);
  const large = bodyOf([Buffer.alloc(16 * MiB, 1)]);
  const small = (text: string) => connection.send(DELIMITER, bodyOf([Buffer.from(text)]));
  assert.equal(connection.send(DELIMITER, large), 1);
  await new Promise(setImmediate);
  const [kept, taken, last] = [small('kept'), small('taken back'), small('last')];
  assert.deepEqual([kept, taken, last], [2, 3, 4]);
  assert.equal(connection.handedOver, 1);
  assert.equal(connection.withdraw(1), false, 'it has started to leave');
  assert.equal(connection.withdraw(taken), true);
  sockets[0]?.resume();
  await until('the last has come', () => Buffer.concat(came.slice(-2)).includes('last'));
  assert.equal(connection.handedOver, 4);
  assert.equal(connection.withdraw(kept), false, 'it has left');
  const end = Buffer.concat(came).subarray(-30);
  assert.ok(end.includes('kept') && !end.includes('taken back'), end.toString('latin1'));
});

test('after the end of a connection, what was not handed over can be taken back', async (t) => {
  const sockets: Socket[] = [];
  const address = await served(t, (socket) => {
    sockets.push(socket);
    socket.write(Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1, 4, 0, 0]));
    socket.once('data', () => socket.pause());
  });
  const { connection, next } = connected(t, address);
  await next('ready');
  connection.send(DELIMITER, bodyOf([Buffer.alloc(16 * MiB)]));
  await new Promise(setImmediate);
  const held = connection.send(DELIMITER, bodyOf([Buffer.from('x')]));
  for (const socket of sockets) socket.resetAndDestroy();
  await next('closed');
  assert.equal(connection.handedOver, 1);
  assert.deepEqual([connection.withdraw(1), connection.withdraw(held)], [false, true]);
});

test('a message of the turn in which a connection is closed never leaves', async (t) => {
  const server = new Router({ linger: 0 });
  t.after(() => server.close());
  await server.bind('tcp://127.0.0.1:0');
  const { connection, next } = connected(t, server.lastEndpoint ?? '');
  await next('ready');
  const [first, second] = ['alone', 'gathered'].map((text) =>
    connection.send(DELIMITER, bodyOf([Buffer.from(text)])),
  );
  assert.deepEqual([first, second, connection.handedOver], [1, 2, 1]);
  assert.equal(connection.withdraw(2), false, 'it leaves at the end of the turn');
  connection.close();
  assert.deepEqual([connection.withdraw(1), connection.withdraw(2)], [false, true]);
  assert.equal(connection.handedOver, 1);
});

test('what waits for a slow peer is not changed by what others are sent meanwhile', async (t) => {
  const sockets: Socket[] = [];
  const came: Buffer[] = [];
  const slow = await served(t, (socket) => {
    sockets.push(socket);
    socket.write(Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1, 4, 0, 0]));
    socket.once('data', () => {
      socket.pause();
      socket.on('data', (chunk: Buffer) => came.push(chunk));
    });
  });
  const fast = new Router({ linger: 0 });
  t.after(() => fast.close());
  await fast.bind('tcp://127.0.0.1:0');
  const one = connected(t, slow);
  const other = connected(t, fast.lastEndpoint ?? '');
  await one.next('ready');
  await other.next('ready');
  await until('the server stops to read', () => sockets[0]?.isPaused() === true);
  // Small ones, which are copied into blocks, until the kernel takes no more.
  const [theirs, ours] = [Buffer.alloc(4_000, 1), Buffer.alloc(4_000, 2)];
  let sent = 0;
  while (sent === one.connection.handedOver) {
    for (let index = 0; index < 15; index++) sent = one.connection.send(DELIMITER, bodyOf([ours]));
    await new Promise(setImmediate);
    if (sent === one.connection.handedOver) sent = one.connection.send(DELIMITER, bodyOf([ours]));
    for (let index = 0; index < 15; index++) other.connection.send(DELIMITER, bodyOf([theirs]));
    await new Promise(setImmediate);
  }
  sockets[0]?.resume();
  const frame = Buffer.concat([DELIMITER, ...bodyOf([ours]).chunks]);
  const isWhole = () => came.reduce((sum, { length }) => sum + length, 0) >= sent * frame.length;
  await until('all has come', isWhole);
  const wire = Buffer.concat(came).subarray(-sent * frame.length);
  for (let index = 0; index < sent; index++)
    assert.ok(wire.subarray(index * frame.length, (index + 1) * frame.length).equals(frame), `${index}`);
});
