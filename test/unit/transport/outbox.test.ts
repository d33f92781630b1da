import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { bodyOf, DELIMITER } from '../../../src/transport/message.ts';
import { Outbox } from '../../../src/transport/zmtp/outbox.ts';
import { WireSlice } from '../../../src/transport/zmtp/wire-slice.ts';

const KiB = 2 ** 10;

/** Both ends of a connection. */
async function pair(t: TestContext): Promise<[Socket, Socket]> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const near = connect(typeof address === 'object' ? (address?.port ?? 0) : 0, '127.0.0.1');
  const [[far]] = await Promise.all([once(server, 'connection'), once(near, 'connect')]);
  t.after(() => {
    for (const socket of [near, far]) socket.destroy();
    server.close();
  });
  return [near, far];
}

test('what is lent is sent as it was, however long the peer takes to read it', async (t) => {
  const [near, far] = await pair(t);
  const outbox = new Outbox(near);
  const memory = Buffer.alloc(64 * KiB);
  const sent: Buffer[] = [];
  // One of each size is copied into a block, and larger ones are not, unless they are lent.
  const sizes = [1, 200, 9 * KiB, 60 * KiB];
  // Far more than the kernel takes.
  for (let number = 0; number < 2_000; number++) {
    const size = sizes[number % sizes.length] ?? 0;
    memory.fill(number % 251, 0, size);
    sent.push(DELIMITER, Buffer.from(memory.subarray(0, size)));
    outbox.put(DELIMITER, new WireSlice(memory, 0, size, size, size, true));
    memory.fill(0xff);
  }
  assert.ok(outbox.handedOver < 2_000, 'the kernel did not take all');
  outbox.end();
  const came = await buffer(far);
  assert.equal(Buffer.compare(came, Buffer.concat(sent)), 0);
});

test('a peer that always lags a little takes no more memory than what waits for it', () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  let drained = () => undefined;
  const socket = {
    writable: true,
    writableLength: 1,
    write: (_: Buffer, written?: typeof drained) => {
      drained = written ?? drained;
    },
    cork: () => undefined,
    uncork: () => undefined,
  } as unknown as Socket;
  const outbox = new Outbox(socket);
  const body = bodyOf([Buffer.alloc(9 * KiB)]);
  // One is with the kernel, and three wait behind it.
  for (let number = 1; number <= 4; number++) outbox.put(DELIMITER, body);
  const messages = 500_000;
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  for (let number = 5; number <= messages; number++) {
    assert.equal(outbox.put(DELIMITER, body), number);
    drained();
    assert.equal(outbox.handedOver, number - 3);
  }
  collectGarbage();
  const bytes = process.memoryUsage().heapUsed - before;
  assert.ok(bytes < 2 * messages, `${messages} messages have left ${bytes} bytes`);
  assert.deepEqual(
    [messages - 3, messages - 2, messages].map((number) => outbox.withdraw(number)),
    [false, true, true],
    'those that wait can be taken back',
  );
  assert.equal(outbox.handedOver, messages - 3);
});
