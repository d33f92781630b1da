import assert from 'node:assert/strict';
import { test } from 'node:test';
import { curveKeyPair } from 'zeromq';
import type { ConnectionEnd } from '../../../../src/transport/connection-end.ts';
import { libzmq } from '../../../../src/transport/zeromq/zeromq-transport.ts';
import { RawServer } from '../../../support/raw-server.ts';
import { greeting } from '../../../support/zmtp.ts';

const GREETING_BYTES = 64;
const OPENING_BYTES = 11;

test('while a server that hung up is asked how it greets, libzmq does not connect again', async (t) => {
  let hellos = 0;
  // It greets who greets it, and hangs up when a command follows. The one who only asks gets the first bytes, and must wait.
  const server = await RawServer.start(t, (socket) => {
    const curve = greeting('CURVE');
    socket.write(curve.subarray(0, OPENING_BYTES));
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      if (bytes <= OPENING_BYTES && bytes + chunk.length > OPENING_BYTES)
        socket.write(curve.subarray(OPENING_BYTES));
      bytes += chunk.length;
      if (bytes <= GREETING_BYTES) return;
      hellos++;
      socket.destroy();
    });
  });
  const { promise: closed, resolve } = Promise.withResolvers<ConnectionEnd>();
  const unexpected = () => assert.fail();
  libzmq.connect(
    {
      address: server.address,
      ...{ messageBytes: 1_000, connectTimeoutMs: 60_000, handshakeTimeoutMs: 2_000, heartbeat: undefined },
      curve: { serverKey: curveKeyPair().publicKey, ...curveKeyPair() },
    },
    {
      accepted: () => undefined,
      closed: resolve,
      ...{ ready: unexpected, message: unexpected, malformed: unexpected, tooLarge: unexpected },
    },
  );
  const { kind } = await closed;
  assert.deepEqual([kind, hellos], ['hung_up', 1]);
});
