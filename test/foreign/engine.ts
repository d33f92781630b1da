/* A foreign implementation against the ZMTP engine, with no sidecar between them. */

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Request } from 'zeromq';
import { type ConnectionEnd, ended, stageOf, wordsOf } from '../../src/transport/connection-end.ts';
import { type Body, bodyOf, copyOf, DELIMITER, envelopeOf, framesOf } from '../../src/transport/message.ts';
import type { PeerInfo } from '../../src/transport/transport.ts';
import { zmtp } from '../../src/transport/zmtp/zmtp-transport.ts';
import { until } from '../support/until.ts';
import { echo, listening } from '../support/zmtp-listener.ts';
import { type Peer, SHAPES, type Shape } from './peers.ts';
import type { ForeignApp, ForeignServers } from './program.ts';
import { beats, Wire } from './wire.ts';

const HEARTBEAT_MS = 50;
const PATIENT_MS = 300_000;
const MESSAGE_BYTES = 4 * 2 ** 20;

export async function withEngine(
  t: TestContext,
  peer: Peer,
  servers: ForeignServers,
  app: ForeignApp,
): Promise<void> {
  const has = (type: string, shape: string) =>
    !peer.faults.some((fault) => fault.type === type && fault.shape === shape);
  const shapes = (type: string) =>
    (Object.keys(SHAPES) as Shape[]).filter((shape) => has(type, shape)).flatMap((shape) => SHAPES[shape]);

  for (const type of ['REP', 'ROUTER'] as const)
    await t.test(`a connection to a ${type}`, async (t) => {
      const { connection, ready, next } = connect(t, servers.addresses[type]);
      assert.deepEqual(await ready, { socketType: type, version: peer.zmtp });
      for (const envelope of [DELIMITER, envelopeOf([Buffer.from('id')])])
        for (const sizes of shapes(type)) {
          const frames = sizes.map((size, frame) => Buffer.alloc(size, `frame ${frame} `));
          connection.send(envelope, bodyOf(frames));
          const reply = await next();
          assert.deepEqual(reply.envelope, envelope);
          const came = framesOf(reply.body.chunks);
          const isSame =
            came.length === sizes.length && came.every((frame, at) => frame.equals(frames[at] ?? frame));
          assert.ok(isSame, `${came.length} frames for ${sizes}`);
        }
    });

  for (const type of ['REQ', 'DEALER'] as const)
    await t.test(`a ${type} to a listener`, async (t) => {
      const { address } = await listening(t, echo, 'tcp://127.0.0.1:0', { messageBytes: MESSAGE_BYTES });
      const wire = await Wire.start(t, address);
      await app.open(type, wire.address, peer.sendsPings ? HEARTBEAT_MS : undefined);
      // The other shapes come to this listener through a sidecar.
      assert.equal(await app.ask([1], 4), 'right');
      if (!peer.sendsPings) return;
      await wire.heartbeats();
      assert.equal(await app.ask([1]), 'right');
    });

  await t.test('PINGs go only to a peer of ZMTP 3.1, which answers', async (t) => {
    const wire = await Wire.start(t, servers.addresses.REP);
    const { connection, ready, next } = connect(t, wire.address, HEARTBEAT_MS);
    await ready;
    const is31 = peer.zmtp === '3.1';
    if (is31) await wire.heartbeats();
    else await beats(5, HEARTBEAT_MS);
    assert.equal(wire.toServer.pings > 0, is31);
    connection.send(DELIMITER, bodyOf([Buffer.from('after')]));
    assert.deepEqual(framesOf((await next()).body.chunks).map(String), ['after']);
  });

  if (peer.zmtp !== '2.0')
    await t.test(`a REP that gets PINGs of libzmq: ${peer.onPing}`, async (t) => {
      const failures = () => servers.program.stderr.filter((line) => line.includes('REP: ')).length;
      const before = failures();
      const wire = await Wire.start(t, servers.addresses.REP);
      const app = new Request({ linger: 0, heartbeatInterval: HEARTBEAT_MS, heartbeatTimeout: PATIENT_MS });
      t.after(() => app.close());
      app.connect(wire.address);
      const { toServer, toClient } = wire;
      if (peer.onPing === 'fails') return until('an error', () => failures() > before);
      await until('PINGs', () => toServer.pings > 2 && (peer.onPing === 'ignores' || toClient.pongs > 2));
      assert.equal(toClient.pongs > 0, peer.onPing === 'answers');
      assert.equal(wire.connections, 1);
    });

  await t.test('a connection to a process that is killed ends at once', async (t) => {
    const { ready, closed } = connect(t, servers.addresses.REP);
    await ready;
    servers.program.kill('SIGKILL');
    assert.equal(stageOf(await closed), 'dropped');
  });
}

interface Message {
  envelope: Buffer;
  body: Body;
}

function connect(t: TestContext, address: string, heartbeatMs?: number) {
  const ready = Promise.withResolvers<PeerInfo>();
  const closed = Promise.withResolvers<ConnectionEnd>();
  const came: Message[] = [];
  const connection = zmtp.connect(
    {
      address,
      messageBytes: MESSAGE_BYTES,
      connectTimeoutMs: PATIENT_MS,
      handshakeTimeoutMs: PATIENT_MS,
      curve: undefined,
      heartbeat: heartbeatMs === undefined ? undefined : { intervalMs: heartbeatMs, timeoutMs: PATIENT_MS },
    },
    {
      accepted: () => undefined,
      ready: ready.resolve,
      message: (envelope, body) => came.push({ envelope: Buffer.from(envelope), body: copyOf(body) }),
      malformed: () => closed.resolve(ended('broken_protocol', 'it sent a malformed message')),
      tooLarge: (_, bytes) => closed.resolve(ended('broken_protocol', `it sent ${bytes} bytes`)),
      closed: (end) => {
        closed.resolve(end);
        ready.reject(new Error(wordsOf(end)));
      },
    },
  );
  t.after(() => connection.close());
  const next = async (): Promise<Message> => {
    let end: ConnectionEnd | undefined;
    closed.promise.then((one) => {
      end = one;
    });
    await until('a message', () => came.length > 0 || end !== undefined);
    const message = came.shift();
    assert.ok(message, JSON.stringify(end));
    return message;
  };
  return { connection, ready: ready.promise, closed: closed.promise, next };
}
