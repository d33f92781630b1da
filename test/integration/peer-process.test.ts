import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { platform } from 'node:os';
import { type TestContext, test } from 'node:test';
import { processesOf } from '../../src/ops/peer-process.ts';

const skip = platform() !== 'linux' && 'only Linux has /proc/net/tcp';

/** Connects another process to a server of this one. */
async function connectFrom(t: TestContext, listen: string, to = listen) {
  const server = createServer();
  server.listen(0, listen);
  await once(server, 'listening');
  const bound = server.address();
  assert.ok(bound !== null && typeof bound === 'object');
  const code = `require('node:net').connect(${bound.port}, '${to}')`;
  const child = spawn(process.execPath, ['-e', code], { stdio: 'ignore' });
  const [socket] = (await once(server, 'connection')) as [Socket];
  t.after(() => {
    child.kill();
    socket.destroy();
    server.close();
  });
  return { child, socket, server };
}

for (const [listen, to, host] of [
  ['127.0.0.1', '127.0.0.1', '127.0.0.1'],
  ['::1', '::1', '[::1]'],
  ['::', '127.0.0.1', '127.0.0.1'],
] as const)
  test(`the process that has connected from ${to} to ${listen} is found`, { skip }, async (t) => {
    const { child, socket } = await connectFrom(t, listen, to);
    const peer = `${host}:${socket.remotePort}`;
    const found = await processesOf(new Set([peer, `${host}:1`, '10.1.2.3:4']));
    assert.deepEqual([...found.keys()], [peer]);
    assert.match(found.get(peer) ?? '', new RegExp(`^\\S+\\[${child.pid}\\]$`));
  });

test('a connection that is not to this process is not looked into', { skip }, async (t) => {
  const { socket } = await connectFrom(t, '127.0.0.1');
  // Seen from the other process, this end is the peer.
  assert.deepEqual(await processesOf(new Set([`127.0.0.1:${socket.localPort}`])), new Map());
});

test('a connection that is closed leads to nobody', { skip }, async (t) => {
  const { child, socket } = await connectFrom(t, '127.0.0.1');
  const { remotePort } = socket;
  socket.resume();
  const closed = once(socket, 'close');
  child.kill();
  await closed;
  assert.deepEqual(await processesOf(new Set([`127.0.0.1:${remotePort}`])), new Map());
});
