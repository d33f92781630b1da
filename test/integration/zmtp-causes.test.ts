import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { type ConnectionEnd, type EndKind, wordsOf } from '../../src/transport/connection-end.ts';
import type { Target } from '../../src/transport/transport.ts';
import { GREETING_REST, OPENING } from '../../src/transport/zmtp/greeting.ts';
import { errorCommand, readyCommand } from '../../src/transport/zmtp/metadata.ts';
import { RawApp } from '../support/raw-app.ts';
import { RawServer } from '../support/raw-server.ts';
import { reset } from '../support/reset.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { greeting } from '../support/zmtp.ts';
import { connecting } from '../support/zmtp-connection.ts';
import { echo, listening } from '../support/zmtp-listener.ts';

/* Why a connection failed or ended, in the words that logs and status show. Each cause has words of its own. */

async function endOf(
  t: TestContext,
  address: string,
  settings: Partial<Target> = {},
): Promise<ConnectionEnd> {
  const { told } = connecting(t, address, settings);
  await until('it has ended', () => told.some(({ kind }) => kind === 'closed'));
  const last = told.at(-1);
  assert.ok(last?.kind === 'closed', 'it ends once, and last');
  return last.end;
}

async function kindAndWords(...args: Parameters<typeof endOf>): Promise<[EndKind, string]> {
  const end = await endOf(...args);
  return [end.kind, wordsOf(end)];
}

const HELLO = Buffer.concat([OPENING, GREETING_REST, readyCommand('REP')]);
const helloOf = (type: string) => Buffer.concat([OPENING, GREETING_REST, readyCommand(type)]);
const PROTOCOL = 'the peer broke the protocol: it sent';
const NOT_THERE = 'it is not ZeroMQ, it is a proxy with no server behind it, or its process has just ended';
const HANGS = 'it is stopped or hangs, something on the way holds it back, or it is not ZeroMQ';

type Serve = (socket: Socket) => void;
const say =
  (...bytes: (Buffer | string)[]): Serve =>
  (socket) => {
    for (const one of bytes) socket.write(one);
  };
/** Does something when the other side has said hello, so that nothing is lost with the connection. */
const answered =
  (serve: Serve): Serve =>
  (socket) =>
    socket.once('data', () => serve(socket));

const PEERS: Record<string, [Serve, EndKind, string, Partial<Target>?]> = {
  'speaks HTTP': [
    say('HTTP/1.1 400 Bad Request\r\n\r\n'),
    'speaks_http',
    'the peer is not ZeroMQ: it speaks HTTP',
  ],
  'speaks TLS': [
    say(Buffer.from([0x15, 3, 3, 0, 2, 2, 70])),
    'not_zeromq',
    'the peer is not ZeroMQ: it speaks TLS',
  ],
  'is neither ZeroMQ nor known': [
    say('SSH-2.0-OpenSSH_9.9\r\n'),
    'not_zeromq',
    'the peer is not ZeroMQ: it begins with "SSH-2.0-OpenSSH_9.9.."',
  ],
  'speaks ZMTP 1.0': [
    say(Buffer.from([1, 0])),
    'old_zmtp',
    'the peer speaks ZMTP 1.0 (libzmq 2), which is too old',
  ],
  'wants CURVE': [
    say(greeting('CURVE')),
    'wrong_mechanism',
    'wrong security mechanism: the peer uses CURVE, and no curve is configured here',
  ],
  'wants PLAIN': [
    say(greeting('PLAIN')),
    'wrong_mechanism',
    'wrong security mechanism: the peer uses PLAIN, and only CURVE and NULL are possible here',
  ],
  'says nothing': [
    () => undefined,
    'slow_handshake',
    `the peer accepts connections and says nothing within 5ms: ${HANGS}`,
    { handshakeTimeoutMs: 5 },
  ],
  'does not complete the handshake': [
    say(OPENING),
    'slow_handshake',
    `the handshake was not completed within 50ms: ${HANGS}`,
    { handshakeTimeoutMs: 50 },
  ],
  'closes at once': [
    (socket) => socket.end(),
    'hung_up_at_once',
    `the peer closed the connection, before it said anything: ${NOT_THERE}`,
  ],
  'closes in the handshake': [
    answered((socket) => socket.end(OPENING)),
    'hung_up',
    'the peer closed the connection, in the handshake: it wants a key (CURVE) or another type of socket, or it is being stopped',
  ],
  'resets the connection at once': [
    answered(reset),
    'hung_up_at_once',
    `the connection was reset (the peer was killed, or something on the way cut it), before it said anything: ${NOT_THERE}`,
  ],
  'has a socket of the wrong type': [
    say(helloOf('PUB')),
    'wrong_socket_type',
    'the peer is a PUB socket, which does not fit (REP, ROUTER, DEALER do)',
  ],
  'refuses with ERROR': [
    say(OPENING, GREETING_REST, errorCommand('Invalid socket type')),
    'refused',
    'the peer refused the connection: Invalid socket type',
  ],
  'sends a message in place of READY': [
    say(OPENING, GREETING_REST, Buffer.from([0, 1, 120])),
    'broken_handshake',
    'the peer sent a message before the handshake was over',
  ],
  'sends another command in place of READY': [
    say(OPENING, GREETING_REST, Buffer.from('\x04\x06\x05HELLO')),
    'broken_handshake',
    'the peer sent the command HELLO in place of READY',
  ],
  'closes a connection in use': [
    answered((socket) => socket.end(HELLO)),
    'closed',
    'the peer closed the connection',
  ],
  'resets a connection in use': [
    (socket) => {
      socket.write(HELLO);
      // READY, the last thing that the other side says, has come.
      let came = Buffer.alloc(0);
      socket.on('data', (chunk: Buffer) => {
        came = Buffer.concat([came, chunk]);
        if (came.includes('READY')) reset(socket);
      });
    },
    'reset',
    'the connection was reset (the peer was killed, or something on the way cut it)',
  ],
  'sends a frame of an impossible length': [
    say(HELLO, Buffer.from([2, 0x7f, 255, 255, 255, 255, 255, 255, 255])),
    'broken_protocol',
    `${PROTOCOL} a frame that is longer than any message can be`,
  ],
  'sends a command that cannot be read': [
    say(HELLO, Buffer.from([4, 1, 200])),
    'broken_protocol',
    `${PROTOCOL} a command that cannot be read`,
  ],
};
for (const [what, [serve, kind, why, settings]] of Object.entries(PEERS))
  test(`a peer that ${what} is told in plain words`, async (t) => {
    const { address } = await RawServer.start(t, serve);
    assert.deepEqual(await kindAndWords(t, address, settings), [kind, why]);
  });

test('a port and a path at which nobody listens are told in plain words', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  assert.deepEqual(await kindAndWords(t, `tcp://127.0.0.1:${port}`), [
    'nobody_listens',
    'nobody listens there (connection refused)',
  ]);
  assert.deepEqual(await kindAndWords(t, `ipc://${join(scratch(), 'none.sock')}`), [
    'nobody_listens',
    'nobody listens there (no such path)',
  ]);
});

test('a machine that does not answer is told in plain words', async (t) => {
  // It accepts nothing, and when its queue is full the kernel drops what wants to connect, as a firewall does.
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
    const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      parentPort.postMessage(server.address().port);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`,
    { eval: true },
  );
  t.after(() => worker.terminate());
  const [port] = (await once(worker, 'message')) as [number];
  const address = `tcp://127.0.0.1:${port}`;
  for (let index = 0; index < 8; index++) {
    const ballast = connect(port, '127.0.0.1').on('error', () => undefined);
    t.after(() => ballast.destroy());
  }
  assert.deepEqual(await kindAndWords(t, address, { connectTimeoutMs: 50 }), [
    'no_answer',
    'no answer within 50ms: the machine is down or overloaded, or a firewall drops the packets',
  ]);
});

test('an app that was turned away is told in the same words', async (t) => {
  const whys: string[] = [];
  const { address } = await listening(t, { ...echo, refused: ({ why }) => whys.push(why) });
  const greetings = [Buffer.from('GET / HTTP/1.1\r\n\r\n'), greeting('CURVE'), helloOf('SUB')];
  for (const hello of greetings) await (await RawApp.connect(t, address, hello)).closed;
  assert.deepEqual(whys, [
    'the peer is not ZeroMQ: it speaks HTTP',
    'wrong security mechanism: the peer uses CURVE, and no curve is configured here',
    'the peer is a SUB socket, which does not fit (REQ, DEALER do)',
  ]);
});
