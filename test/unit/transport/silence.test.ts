import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Silence } from '../../../src/transport/zmtp/silence.ts';

/** Stalls this process for longer than the times below. */
const stall = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);

/** Watches a side of a connection whose other side the test has. */
async function watched(t: { after(end: () => unknown): void }) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect((server.address() as { port: number }).port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [Socket];
  t.after(() => server.close());
  t.after(() => near.destroy());
  t.after(() => far.destroy());
  const seen = { chunks: 0, silences: 0 };
  near.on('data', () => seen.chunks++);
  const silence = new Silence(
    () => seen.chunks,
    () => seen.silences++,
  );
  t.after(() => silence.stop());
  return { near, far, seen, silence };
}

test('a peer that sends nothing is silent when the time is over', async (t) => {
  const { seen, silence } = await watched(t);
  silence.expect(1);
  while (seen.silences === 0) await setImmediate();
});

test('an answer that came while this process was stalled is read before the peer is called silent', async (t) => {
  const { near, far, seen, silence } = await watched(t);
  silence.expect(1);
  far.write('x');
  stall();
  await once(near, 'data');
  await setImmediate();
  await setImmediate();
  assert.equal(seen.silences, 0);
});

test('an answer counts although the next one is demanded in the turn in which the time is over', async (t) => {
  const { near, far, seen, silence } = await watched(t);
  silence.expect(1);
  setTimeout(() => silence.expect(3_600_000), 1);
  far.write('x');
  await once(near, 'data');
  stall();
  await setImmediate();
  await setImmediate();
  await setImmediate();
  assert.equal(seen.silences, 0);
});

test('a time that runs already stays as it is, unless something has come since', async (t) => {
  const { near, far, seen, silence } = await watched(t);
  silence.expect(1);
  silence.expect(3_600_000);
  while (seen.silences === 0) await setImmediate();
  silence.expect(3_600_000);
  far.write('x');
  await once(near, 'data');
  silence.expect(1);
  while (seen.silences === 1) await setImmediate();
});

test('an earlier time is over once something has come and a later one is demanded', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const pass = async (ms: number) => {
    t.mock.timers.tick(ms);
    await setImmediate();
  };
  const seen = { chunks: 0, silences: 0 };
  const silence = new Silence(
    () => seen.chunks,
    () => seen.silences++,
  );
  silence.expect(10);
  seen.chunks++;
  silence.expect(1_000);
  await pass(999);
  assert.equal(seen.silences, 0);
  await pass(1);
  assert.equal(seen.silences, 1);
  silence.expect(1_000);
  await pass(1_000);
  assert.equal(seen.silences, 2, 'it goes on being silent');
  silence.expect(1_000);
  silence.stop();
  await pass(1_000);
  assert.equal(seen.silences, 2, 'nobody waits any more');
  silence.expect(1_000);
  await pass(1_000);
  assert.equal(seen.silences, 3, 'what is expected after that counts');
});
