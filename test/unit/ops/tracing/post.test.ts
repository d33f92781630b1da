import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Post } from '../../../../src/ops/tracing/post.ts';
import { until } from '../../../support/until.ts';

const NEVER = new AbortController().signal;
const CONTENT = Buffer.from('spans');

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`;
}

async function postTo(t: TestContext, url: string, timeoutMs?: number): Promise<Post> {
  const post = await Post.to({
    url,
    headers: { authorization: 'Bearer secret' },
    lookup: (_name, { all }, done) =>
      all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4),
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
  t.after(() => post.close());
  return post;
}

test('it posts with its headers, and gives back the answer', async (t) => {
  const seen: unknown[] = [];
  const connections = new Set<unknown>();
  const url = await serve(t, async (request, response) => {
    connections.add(request.socket);
    const { method, url: path, headers } = request;
    seen.push([
      method,
      path,
      headers.authorization,
      headers['content-type'],
      (await request.toArray()).join(''),
    ]);
    response.writeHead(429).end('busy');
  });
  // The name is for the given lookup alone.
  const post = await postTo(t, url.replace('127.0.0.1', 'collector.test'));
  for (let i = 0; i < 2; i++) {
    const answer = await post.send(CONTENT, 'application/x', NEVER);
    const body = Buffer.from('busy');
    assert.deepEqual(answer, { kind: 'answered', status: 429, reason: 'Too Many Requests', body });
  }
  const expected = ['POST', '/v1/traces', 'Bearer secret', 'application/x', 'spans'];
  assert.deepEqual(seen, [expected, expected]);
  assert.equal(connections.size, 1, 'the connection is kept');
});

test('no connection, or one that drops, is a failure with its reason', async (t) => {
  const server = createTcpServer((socket) => socket.once('data', () => socket.destroy()));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const post = await postTo(t, url);
  const dropped = await post.send(CONTENT, 'a/b', NEVER);
  assert.match(JSON.stringify(dropped), /"failed","why":"(socket hang up|read ECONNRESET)"/);
  await new Promise((resolve) => server.close(resolve));
  assert.match(
    JSON.stringify(await post.send(CONTENT, 'a/b', NEVER)),
    /"failed","why":"connect ECONNREFUSED/,
  );
});

test('an answer that never comes, or never ends, is waited for only so long', async (t) => {
  const silent = await postTo(t, await serve(t, () => undefined), 20);
  const why = 'no answer within 20ms';
  assert.deepEqual(await silent.send(CONTENT, 'a/b', NEVER), { kind: 'failed', why });
  const endless = await serve(t, (_, response) => {
    response.write('a');
    const timer = setInterval(() => response.write('a'), 1);
    response.on('close', () => clearInterval(timer));
  });
  const dripping = await postTo(t, endless, 200);
  assert.match(JSON.stringify(await dripping.send(CONTENT, 'a/b', NEVER)), /no answer within 200ms/);
});

test('an answer without end is not stored', async (t) => {
  const block = Buffer.alloc(16 * 1024);
  const url = await serve(t, (_, response) => {
    const write = () => {
      while (!response.destroyed && response.write(block));
      response.once('drain', write);
    };
    write();
  });
  const post = await postTo(t, url);
  const answer = await post.send(CONTENT, 'a/b', NEVER);
  assert.deepEqual(answer, { kind: 'failed', why: 'the answer is too long' });
});

test('it stops when told to, and its connection goes', async (t) => {
  let open = 0;
  const url = await serve(t, ({ socket }) => {
    open++;
    socket.on('close', () => open--);
  });
  const post = await postTo(t, url);
  const stop = new AbortController();
  const sending = post.send(CONTENT, 'a/b', stop.signal);
  await until('it has come', () => open === 1);
  stop.abort();
  assert.deepEqual(await sending, { kind: 'failed', why: 'the time was up' });
  await until('its connection is gone', () => open === 0);
  assert.equal((await post.send(CONTENT, 'a/b', stop.signal)).kind, 'failed');
});

test('headers that Node refuses are a failure, not an exception', async (t) => {
  const post = await Post.to({
    url: await serve(t, () => undefined),
    headers: { a: 'b\n' },
    lookup: () => undefined,
  });
  assert.match(JSON.stringify(await post.send(CONTENT, 'a/b', NEVER)), /Invalid character in header/);
});
