import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ended } from '../../src/transport/connection-end.ts';
import { bodyOf, COMMAND, DELIMITER, frameHeader } from '../../src/transport/message.ts';
import { GREETING_REST, OPENING } from '../../src/transport/zmtp/greeting.ts';
import { pingCommand, pongCommand, readyCommand } from '../../src/transport/zmtp/metadata.ts';
import { RawApp, requestOf } from '../support/raw-app.ts';
import { RawServer } from '../support/raw-server.ts';
import { until } from '../support/until.ts';
import { greeting, ready } from '../support/zmtp.ts';
import { connecting } from '../support/zmtp-connection.ts';
import { echo, listening } from '../support/zmtp-listener.ts';

const PING = Buffer.from('\x04PING', 'latin1');
const PONG = Buffer.from('\x04PONG', 'latin1');

/** A REP of ZMTP 3.1 or 3.0, and what it was sent. */
async function server(t: TestContext, hello: Buffer, answers: boolean) {
  let came = Buffer.alloc(0);
  let pings = 0;
  const { address, sockets } = await RawServer.start(t, (socket) => {
    socket.write(hello);
    socket.on('data', (chunk: Buffer) => {
      came = Buffer.concat([came, chunk]);
      for (let at = came.indexOf(PING); at !== -1; at = came.indexOf(PING)) {
        came = came.subarray(at + PING.length);
        pings++;
        if (answers) socket.write(pongCommand(Buffer.alloc(0)));
      }
    });
  });
  return { address, sockets, pings: () => pings };
}

const REP_31 = Buffer.concat([OPENING, GREETING_REST, readyCommand('REP')]);
const REP_30 = Buffer.concat([greeting(), ready('REP')]);

test('a peer of ZMTP 3.1 gets PINGs, and one that answers stays connected', async (t) => {
  const { address, pings } = await server(t, REP_31, true);
  const { told } = connecting(t, address, { heartbeat: { intervalMs: 1, timeoutMs: 60_000 } });
  await until('PINGs have come', () => pings() > 20);
  assert.deepEqual(
    told.map(({ kind }) => kind),
    ['accepted', 'ready'],
  );
});

test('a peer of ZMTP 3.0, and any peer without a heartbeat, gets no PING', async (t) => {
  const old = await server(t, REP_30, false);
  const other = await server(t, REP_31, false);
  const newer = await server(t, REP_31, true);
  const beat = { heartbeat: { intervalMs: 1, timeoutMs: 60_000 } };
  const first = connecting(t, old.address, beat);
  const second = connecting(t, other.address);
  await until('both are ready', () => first.told.length === 2 && second.told.length === 2);
  connecting(t, newer.address, beat);
  await until('another peer has got PINGs', () => newer.pings() > 20);
  assert.equal(old.pings() + other.pings(), 0);
});

test('without PINGs the kernel finds out within four seconds that the machine of a peer is gone', async (t) => {
  const { address } = await server(t, REP_30, false);
  const { mock } = t.mock.method(Socket.prototype, 'setKeepAlive');
  const { told } = connecting(t, address);
  await until('it is ready', () => told.length === 2);
  const [isOn, idleMs = 0, intervalMs = 0, probes = 0] = mock.calls[0]?.arguments ?? [];
  assert.deepEqual([mock.callCount(), isOn, idleMs + intervalMs * probes], [1, true, 4_000]);
});

test('a connection ends when its peer of ZMTP 3.1 does not answer', async (t) => {
  const { address, pings } = await server(t, REP_31, false);
  const { told } = connecting(t, address, { heartbeat: { intervalMs: 1, timeoutMs: 20 } });
  await until('it has ended', () => told.length === 3);
  assert.deepEqual(told[2], {
    kind: 'closed',
    end: ended(
      'no_heartbeat',
      'the peer answered no heartbeat for 20ms',
      'it is stopped',
      'the network or its machine is gone',
    ),
  });
  assert.ok(pings() > 0);
});

test('a peer that is still reading a large request is not called dead, and later on it is', async (t) => {
  const MiB = 2 ** 20;
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  let [bytes, pings] = [0, 0];
  const { address, sockets } = await RawServer.start(t, (socket) => {
    socket.write(REP_31);
    socket.once('data', () => socket.pause());
  });
  const { told, connection } = connecting(t, address, { heartbeat: { intervalMs: 1_000, timeoutMs: 3_000 } });
  await until('it is ready', () => told.length === 2);
  connection.send(DELIMITER, bodyOf([Buffer.alloc(32 * MiB)]));
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      t.mock.timers.tick(1_000);
      await setImmediate();
    }
  };
  await pass(10);
  assert.equal(told.length, 2);
  sockets[0]?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (chunk.includes(PING)) pings++;
  });
  sockets[0]?.resume();
  await until('it has read everything', () => bytes > 32 * MiB);
  await pass(1);
  await until('it has got a PING', () => pings === 1);
  assert.equal(told.length, 2);
  await pass(3);
  assert.equal(told[2]?.kind === 'closed' && told[2].end.kind, 'no_heartbeat');
});

test('a PING is answered with its context, also between the frames of a message', async (t) => {
  const { address } = await listening(t, echo);
  const app = await RawApp.connect(t, address);
  const body = Buffer.concat([PING, Buffer.from([0, 0]), Buffer.from('context')]);
  const ping = Buffer.concat([frameHeader(body.length, COMMAND), body]);
  const request = requestOf('x');
  await app.send(request.subarray(0, 2), ping, request.subarray(2));
  await app.until((came) => came.includes(Buffer.concat([PONG, Buffer.from('context')])));
  await app.until((came) => came.subarray(-request.length).equals(request));
});

test('an app whose PINGs have a TTL is dropped when it falls silent, and not before', async (t) => {
  const left = Promise.withResolvers<void>();
  let isGone = false;
  const { address } = await listening(t, {
    ...echo,
    left: () => {
      isGone = true;
      left.resolve();
    },
  });
  const app = await RawApp.connect(t, address);
  // Without a TTL it may be silent for as long as it wants.
  await app.send(pingCommand(0), requestOf('x'));
  await app.replies(1);
  const silent = await RawApp.connect(t, address);
  await silent.send(pingCommand(100));
  await left.promise;
  await silent.closed;
  isGone = false;
  await app.send(pingCommand(3_600_000));
  await app.until((came) => came.indexOf(PONG) !== came.lastIndexOf(PONG));
  assert.equal(isGone, false);
});

test('a peer that falls silent after a PING in the handshake did not complete it, and has not hung up', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const came: Buffer[] = [];
  const { address } = await RawServer.start(t, (socket) => {
    socket.write(Buffer.concat([OPENING, GREETING_REST, pingCommand(100)]));
    socket.on('data', (chunk: Buffer) => came.push(chunk));
  });
  const { told } = connecting(t, address, { handshakeTimeoutMs: 10_000 });
  await until('the PING is answered', () => Buffer.concat(came).includes(PONG));
  t.mock.timers.tick(10_000);
  await until('it has ended', () => told.length === 2);
  const [, last] = told;
  assert.ok(last?.kind === 'closed');
  assert.deepEqual(
    [last.end.kind, last.end.what],
    ['slow_handshake', 'the handshake was not completed within 10s'],
  );
});

test('PINGs of an app that does not read do not fill the memory', async (t) => {
  let replies = 0;
  const { address } = await listening(t, {
    request: (client, envelope) => {
      replies++;
      client.reply(envelope, bodyOf([Buffer.alloc(2 ** 24)]));
    },
  });
  const app = await RawApp.connect(t, address);
  app.socket.pause();
  await app.send(requestOf('x'));
  await until('the reply fills the connection', () => replies === 1);
  const pings = Buffer.concat(Array.from({ length: 10_000 }, () => pingCommand(0)));
  for (let round = 0; round < 20; round++) await app.send(pings);
  await app.send(requestOf('y'));
  await until('all PINGs are read', () => replies === 2);
  app.socket.resume();
  // Both replies, and no more PONGs than a few.
  await app.untilBytes(2 * 2 ** 24);
  let pongs = 0;
  const { came } = app;
  for (let at = came.indexOf(PONG); at !== -1; at = came.indexOf(PONG, at + 1)) pongs++;
  assert.ok(pongs < 2_000, `${pongs} of 200,000`);
});
