import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, lstatSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isAlive } from '../../../src/transport/socket-path.ts';
import { IpcPath } from '../../../src/transport/zmtp/ipc-path.ts';
import { scratch } from '../../support/scratch.ts';

const newPath = () => join(scratch(), 'a.sock');
const modeOf = (path: string) => lstatSync(path).mode & 0o777;

/** Binds the path to a server that listens there. */
async function bound(t: TestContext, path: string, mode?: number): Promise<{ ipc: IpcPath; server: Server }> {
  const server = createServer();
  t.after(() => server.close());
  const ipc = new IpcPath(path, mode);
  await ipc.bind(() => void server.listen(path));
  if (!server.listening) await once(server, 'listening');
  return { ipc, server };
}

test('a socket that its process has left behind is replaced', async (t) => {
  const path = newPath();
  const before = createServer().listen(path);
  await once(before, 'listening');
  renameSync(path, `${path}.aside`);
  before.close();
  await once(before, 'close');
  renameSync(`${path}.aside`, path);
  assert.equal(await isAlive(path), false);
  await bound(t, path);
  assert.equal(await isAlive(path), true);
});

test('a path at which somebody listens is left alone', async (t) => {
  const path = newPath();
  await bound(t, path);
  const bind = () => assert.fail('it was bound');
  await assert.rejects(new IpcPath(path, undefined).bind(bind), { code: 'EADDRINUSE' });
  assert.equal(await isAlive(path), true);
});

test('a file that is no socket is left alone, and a directory that is not there is named', async () => {
  const path = newPath();
  const bind = () => assert.fail('it was bound');
  writeFileSync(path, '');
  await assert.rejects(new IpcPath(path, undefined).bind(bind), /not a socket/);
  assert.ok(existsSync(path));
  await assert.rejects(new IpcPath(join(path, 'none', 'a.sock'), undefined).bind(bind), { code: 'ENOTDIR' });
  await assert.rejects(new IpcPath(`${path}-dir/a.sock`, undefined).bind(bind), { code: 'ENOENT' });
});

test('the mode of a socket is set and changed, and without one it is the usual one', async (t) => {
  const path = newPath();
  const { ipc } = await bound(t, path, 0o600);
  assert.equal(modeOf(path), 0o600);
  ipc.mode = 0o660;
  assert.equal(modeOf(path), 0o660);
  ipc.mode = undefined;
  assert.equal(modeOf(path), 0o755);
});

test('a mode that was set is not set again over what an operator has changed', async (t) => {
  const path = newPath();
  const { ipc } = await bound(t, path, 0o600);
  ipc.mode = 0o600;
  chmodSync(path, 0o666);
  ipc.mode = 0o600;
  assert.equal(modeOf(path), 0o666);
});

test('a path that another process has taken over keeps its mode and its socket', async (t) => {
  const path = newPath();
  const { ipc, server } = await bound(t, path, 0o600);
  unlinkSync(path);
  ipc.mode = 0o620;
  await bound(t, path, 0o660);
  ipc.mode = 0o640;
  assert.equal(modeOf(path), 0o660);
  ipc.release(() => server.close());
  await once(server, 'close');
  assert.equal(await isAlive(path), true);
});

test('a path of its own is removed with the listener', async (t) => {
  const path = newPath();
  const { ipc, server } = await bound(t, path);
  ipc.release(() => server.close());
  await once(server, 'close');
  assert.equal(existsSync(path), false);
});

test('a path that is gone does not keep the listener from closing', async (t) => {
  const path = newPath();
  const { ipc, server } = await bound(t, path);
  unlinkSync(path);
  let closes = 0;
  ipc.release(() => {
    closes++;
    server.close();
  });
  assert.deepEqual([closes, existsSync(path)], [1, false]);
});
