import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { bodyOf, DELIMITER, framesOf } from '../../src/transport/message.ts';
import type { Client, Refusal } from '../../src/transport/transport.ts';
import { HELLO, RawApp, requestOf } from '../support/raw-app.ts';
import { reset } from '../support/reset.ts';
import { until } from '../support/until.ts';
import { echo, listening, POLICY } from '../support/zmtp-listener.ts';

const textOf = (chunks: readonly Buffer[]) => String(framesOf(chunks)[0]);
const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await setImmediate();
};

test('a client that is paused by a request gets no other of the same chunk, and resumes in a later turn', async (t) => {
  const came: string[] = [];
  let isInside = false;
  const { address } = await listening(t, {
    request: (client, envelope, { chunks, ...body }) => {
      assert.ok(!isInside, 'resume passes on nothing by itself');
      isInside = true;
      came.push(textOf(chunks));
      client.pause();
      client.reply(envelope, { chunks, ...body });
      client.resume();
      isInside = false;
    },
  });
  const app = await RawApp.connect(t, address);
  const all = Array.from({ length: 1_000 }, (_, index) => String(index));
  await app.send(...all.map(requestOf));
  await until('the first has come', () => came.length > 0);
  const before = came.length;
  await turns(10);
  assert.ok(came.length <= before + 12, `${came.length - before} in ten turns`);
  assert.deepEqual(await app.replies(all.length), all);
});

test('a client that stays paused is passed on nothing, and all of it in order when it resumes', async (t) => {
  const came: string[] = [];
  const clients: Client[] = [];
  const { address } = await listening(t, {
    joined: (client) => clients.push(client),
    request: (client, _, { chunks }) => {
      came.push(textOf(chunks));
      if (came.length % 3 === 1) client.pause();
    },
  });
  const app = await RawApp.connect(t, address);
  const all = Array.from({ length: 2_000 }, (_, index) => `${index} ${'x'.repeat(index % 700)}`);
  await app.send(...all.slice(0, 10).map(requestOf));
  await until('the first has come', () => came.length === 1);
  app.send(...all.slice(10).map(requestOf)).catch(() => undefined);
  await turns(50);
  assert.equal(came.length, 1);
  while (came.length < all.length) {
    clients[0]?.resume();
    clients[0]?.resume();
    await setImmediate();
  }
  assert.deepEqual(came, all);
});

test('a paused client is not read without end', async (t) => {
  const { address } = await listening(t, { request: (client) => client.pause() });
  const app = await RawApp.connect(t, address);
  const chunk = Buffer.concat(Array.from({ length: 20_000 }, () => requestOf('x')));
  let taken = 0;
  let isStuck = false;
  // The kernel takes a few MiB on both sides. What the process reads ahead must not add to it without end.
  while (!isStuck) {
    const sent = app.send(chunk).then(() => true);
    isStuck = !(await Promise.race([sent, turns(2_000).then(() => false)]));
    taken += chunk.length;
    assert.ok(taken < 2 ** 28, `${taken} bytes are gone`);
  }
});

for (const [how, leave] of [
  ['closes', (app: RawApp) => app.socket.destroy()],
  ['resets', (app: RawApp) => reset(app.socket)],
] as const)
  test(`it is noticed that a paused client ${how} its connection, also behind requests`, async (t) => {
    const left = Promise.withResolvers<Client>();
    let requests = 0;
    const asked = Promise.withResolvers<Client>();
    const { address } = await listening(t, {
      left: left.resolve,
      request: (client) => {
        requests++;
        client.pause();
        asked.resolve(client);
      },
    });
    const app = await RawApp.connect(t, address);
    await app.send(requestOf('1'), requestOf('2'));
    const client = await asked.promise;
    await app.send(requestOf('3'));
    leave(app);
    assert.equal(await left.promise, client);
    client.resume();
    await turns(5);
    assert.equal(requests, 1, 'nothing is reported after it has left');
    assert.equal(client.reply(DELIMITER, bodyOf([Buffer.from('x')])), 'gone');
  });

test('a client joins when its handshake is over, and only one that has joined leaves', async (t) => {
  const told: string[] = [];
  const { address } = await listening(t, {
    joined: () => told.push('joined'),
    left: () => told.push('left'),
  });
  const half = await RawApp.connect(t, address, HELLO.subarray(0, 70));
  half.socket.destroy();
  const app = await RawApp.connect(t, address, HELLO.subarray(0, -1));
  await app.until((came) => came.length > 64);
  assert.deepEqual(told, []);
  await app.send(HELLO.subarray(-1));
  await until('it has joined', () => told.length > 0);
  app.socket.destroy();
  await until('it has left', () => told.length > 1);
  assert.deepEqual(told, ['joined', 'left']);
});

test('a connection over the limit is closed and reported, and the limit can change', async (t) => {
  const refusals: Refusal[] = [];
  const joined: Client[] = [];
  const reports = {
    ...echo,
    refused: (refusal: Refusal) => refusals.push(refusal),
    joined: (one: Client) => joined.push(one),
  };
  const listener = await listening(t, reports, 'tcp://127.0.0.1:0', { connections: 1 });
  await RawApp.connect(t, listener.address);
  await until('the first has joined', () => joined.length === 1);
  const second = await RawApp.connect(t, listener.address, Buffer.alloc(0));
  await second.closed;
  assert.deepEqual(refusals, [
    {
      kind: 'too_many_connections',
      why: 'it is one more than the 1 connections allowed',
      address: '127.0.0.1',
      key: undefined,
    },
  ]);
  listener.change({ ...POLICY, connections: 2 });
  const third = await RawApp.connect(t, listener.address);
  await third.send(requestOf('x'));
  assert.deepEqual(await third.replies(1), ['x']);
});

test('a new limit applies to connected clients, but not to a message that is already arriving', async (t) => {
  const told: string[] = [];
  const listener = await listening(t, {
    request: (_, __, { bytes }) => told.push(`request of ${bytes}`),
    tooLarge: (_, __, bytes) => told.push(`too large: ${bytes}`),
  });
  const app = await RawApp.connect(t, listener.address);
  const request = requestOf('12345678');
  await app.send(requestOf('1'), request.subarray(0, 3));
  await until('the start has come', () => told.length === 1);
  listener.change({ ...POLICY, messageBytes: 4 });
  await app.send(request.subarray(3), request);
  await until('both have come', () => told.length === 3);
  assert.deepEqual(told, ['request of 1', 'request of 8', 'too large: 8']);
});

test('a probe that connects and hangs up is not reported, and one that hangs up in the handshake is', async (t) => {
  const refusals: string[] = [];
  const { address } = await listening(t, { ...echo, refused: ({ why }) => refusals.push(why) });
  (await RawApp.connect(t, address, Buffer.alloc(0))).socket.end();
  (await RawApp.connect(t, address, HELLO.subarray(0, 70))).socket.end();
  const app = await RawApp.connect(t, address);
  await app.send(requestOf('x'));
  await app.replies(1);
  await until('it is reported', () => refusals.length > 0);
  assert.deepEqual(refusals, [
    'the peer closed the connection, in the handshake: it wants a key (CURVE) or another type of socket, or it is being stopped',
  ]);
});

test('an address that was released is free at once, and connected clients are still answered', async (t) => {
  const first = await listening(t, echo);
  const app = await RawApp.connect(t, first.address);
  await app.send(requestOf('1'));
  assert.deepEqual(await app.replies(1), ['1']);
  await first.release();
  const second = await listening(t, echo, first.address);
  assert.equal(second.address, first.address);
  await app.send(requestOf('2'));
  assert.deepEqual(await app.replies(2), ['1', '2']);
  const other = await RawApp.connect(t, second.address);
  await other.send(requestOf('3'));
  assert.deepEqual(await other.replies(1), ['3']);
  app.socket.destroy();
  await first.close(600_000);
});

test('a port can be bound again as soon as its listener has closed', async (t) => {
  const { address } = await listening(t, echo);
  let port = address;
  for (let round = 0; round < 20; round++) {
    const scope = { after: (_: () => unknown) => undefined };
    const listener = round === 0 ? await listening(scope, echo) : await listening(scope, echo, port);
    port = listener.address;
    const app = await RawApp.connect(t, port);
    await app.send(requestOf('x'));
    await app.replies(1);
    await listener.close(0);
  }
});

test('a listener whose earlier clients have all left still ends the last one when it closes', async (t) => {
  const left: Client[] = [];
  const large = bodyOf([Buffer.alloc(30_000_000)]);
  const clients: Client[] = [];
  const listener = await listening(
    t,
    {
      joined: (client) => clients.push(client),
      request: (client, envelope) => client.reply(envelope, large),
      left: (client) => left.push(client),
    },
    undefined,
    { unreadBytes: 100_000_000 },
  );
  const first = await RawApp.connect(t, listener.address);
  await until('it has joined', () => clients.length === 1);
  first.socket.destroy();
  await until('it has left', () => left.length === 1);
  const second = await RawApp.connect(t, listener.address);
  second.socket.pause();
  await second.send(requestOf('more than the kernel takes'));
  await until('it has joined', () => clients.length === 2);
  await listener.close(20);
  assert.deepEqual(left, clients);
});
