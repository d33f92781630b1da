import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, lstatSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { umask } from 'node:process';
import { test } from 'node:test';
import { StartError } from '../../src/errors.ts';
import { RawApp, requestOf } from '../support/raw-app.ts';
import { scratch } from '../support/scratch.ts';
import { echo, listening, POLICY } from '../support/zmtp-listener.ts';

const aPath = () => join(scratch(), 'some.sock');
const modeOf = (path: string) => lstatSync(path).mode & 0o777;

/** Somebody else's listener. */
async function stranger(t: { after(end: () => unknown): void }, path: string) {
  const server = createServer((socket) => socket.on('error', () => undefined)).listen(path);
  await once(server, 'listening');
  t.after(() => server.close());
  return server;
}

test('a path that nobody listens at any more is taken over', async (t) => {
  const path = aPath();
  const server = await stranger(t, `${path}.old`);
  renameSync(`${path}.old`, path);
  server.close();
  assert.ok(lstatSync(path).isSocket(), 'it was left behind');
  const { address } = await listening(t, echo, `ipc://${path}`);
  assert.equal(address, `ipc://${path}`);
  const app = await RawApp.connect(t, address);
  await app.send(requestOf('x'));
  assert.deepEqual(await app.replies(1), ['x']);
});

test('a path or an abstract name at which somebody listens is refused, and stays', async (t) => {
  const path = aPath();
  for (const [address, theirs] of [
    [`ipc://${path}`, path],
    [`ipc://@${path}`, `\0${path}`],
  ] as const) {
    const server = await stranger(t, theirs);
    await assert.rejects(
      listening(t, echo, address),
      new StartError(`cannot listen on ${address}: another process listens there (address in use)`),
    );
    assert.ok(server.listening);
  }
  assert.ok(lstatSync(path).isSocket());
});

test('a file that is not a socket is refused, and stays', async (t) => {
  const path = aPath();
  writeFileSync(path, 'precious');
  await assert.rejects(
    listening(t, echo, `ipc://${path}`),
    new StartError(`cannot listen on ipc://${path}: there is a file of this name, which is not a socket`),
  );
  assert.ok(existsSync(path));
});

test('the socket has its mode from the start, and another when it changes', async (t) => {
  const path = aPath();
  const before = umask();
  const listener = await listening(t, echo, `ipc://${path}`, { mode: 0o620 });
  assert.equal(modeOf(path), 0o620);
  assert.equal(umask(), before);
  listener.change({ ...POLICY, mode: 0o666 });
  assert.equal(modeOf(path), 0o666);
  listener.change({ ...POLICY, mode: undefined });
  assert.equal(modeOf(path), 0o755);
});

test('without a mode the umask decides', async (t) => {
  const path = aPath();
  const before = umask(0o077);
  t.after(() => umask(before));
  await listening(t, echo, `ipc://${path}`);
  assert.equal(modeOf(path), 0o700);
});

test('a path is removed when its listener ends, and can be used again at once', async (t) => {
  const path = aPath();
  for (let round = 0; round < 3; round++) {
    const listener = await listening({ after: () => undefined }, echo, `ipc://${path}`);
    const app = await RawApp.connect(t, listener.address);
    await app.send(requestOf('x'));
    await app.replies(1);
    await listener.release();
    assert.equal(existsSync(path), false);
    await listener.close(0);
  }
});

test('a path that somebody else has taken meanwhile is neither removed nor changed', async (t) => {
  const path = aPath();
  const listener = await listening(t, echo, `ipc://${path}`);
  const server = await stranger(t, `${path}.new`);
  renameSync(`${path}.new`, path);
  const before = lstatSync(path);
  listener.change({ ...POLICY, mode: 0o600 });
  await listener.close(0);
  assert.equal(lstatSync(path).ino, before.ino);
  assert.equal(modeOf(path), before.mode & 0o777);
  assert.ok(server.listening);
  assert.equal(existsSync(`${path}.${process.pid}`), false);
});

const IMPOSSIBLE: Record<string, [string, string]> = {
  'an address of another machine': ['tcp://192.0.2.1:5555', 'this machine has no such address'],
  'a directory that does not exist': [
    `ipc://${join(scratch(), 'no/such.sock')}`,
    'the directory does not exist',
  ],
};
for (const [what, [address, why]] of Object.entries(IMPOSSIBLE))
  test(`${what} is refused with the reason`, async (t) => {
    await assert.rejects(listening(t, echo, address), new StartError(`cannot listen on ${address}: ${why}`));
  });

test('a port at which somebody listens is refused with the reason', async (t) => {
  const { address } = await listening(t, echo);
  await assert.rejects(
    listening(t, echo, address),
    new StartError(`cannot listen on ${address}: another process listens there (address in use)`),
  );
});

test('a listener for IPv6 is reached by IPv4 too, and names both in their own form', async (t) => {
  const refusals: (string | undefined)[] = [];
  const listener = await listening(
    t,
    { ...echo, refused: ({ address }) => refusals.push(address) },
    'tcp://[::]:0',
    { connections: 0 },
  );
  const port = listener.address.split(':').pop();
  for (const host of ['127.0.0.1', '[::1]']) await (await RawApp.connect(t, `tcp://${host}:${port}`)).closed;
  assert.deepEqual(refusals, ['127.0.0.1', '::1']);
});
