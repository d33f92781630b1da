import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { text as allOf } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { HostPort } from '../../src/config/config.ts';
import { openDoor } from '../../src/ops/admin/door.ts';
import { openInspectDoor } from '../../src/ops/admin/inspect-door.ts';
import { type Answer, json, type PageEntry, page, type Stream, text } from '../../src/ops/admin/page.ts';
import { duration, oneOf, whole } from '../../src/ops/admin/query.ts';
import { soon, until } from '../support/until.ts';

const LOOPBACK = { host: '127.0.0.1', port: 0 };

async function started(t: TestContext, pages: readonly PageEntry[], at: HostPort = LOOPBACK) {
  const door = await openInspectDoor(at, pages);
  t.after(() => door.close());
  const port = Number(door.address.slice(door.address.lastIndexOf(':') + 1));
  return { door, port, url: `http://127.0.0.1:${port}` };
}

async function get(url: string, init: RequestInit = {}) {
  const response = await fetch(url, init);
  const { status, headers } = response;
  return {
    status,
    type: headers.get('content-type'),
    allow: headers.get('allow'),
    body: await response.text(),
  };
}

function dial(port: number, host = '127.0.0.1'): Socket {
  const socket = connect(port, host);
  socket.on('error', () => undefined);
  return socket;
}

/** Sends a request as it stands, as a browser or an attacker would, and reads the whole answer. */
async function raw(port: number, head: string, body = '', host?: string): Promise<string> {
  const socket = dial(port, host);
  socket.write(`${head.trim().replace(/\n */g, '\r\n')}\r\nConnection: close\r\n\r\n${body}`);
  return await allOf(socket);
}

/** Keeps what is changed through it. */
function changeable() {
  const changes: string[] = [];
  const answer = ({ method, body }: { method: string; body: string }): Answer => {
    if (method !== 'GET') changes.push(body);
    return json({ changes });
  };
  return { changes, page: page({ path: '/it', methods: ['GET', 'PUT'], summary: 'what it is', answer }) };
}

const plain = page({ path: '/plain', summary: 'a page', answer: () => text(200, 'hello\n') });

test('its pages answer, the root lists them, and an unknown path answers 404 with the list', async (t) => {
  const { url } = await started(t, [changeable().page, plain]);
  assert.deepEqual(await get(`${url}/plain`), {
    status: 200,
    type: 'text/plain; charset=utf-8',
    allow: null,
    body: 'hello\n',
  });
  const { body: list } = await get(url);
  assert.equal(list, 'GET, PUT /it  what it is\n/plain        a page\n');
  const unknown = await get(`${url}/nothing`);
  assert.deepEqual([unknown.status, unknown.body], [404, `no such page; there are:\n${list}`]);
});

test('a page of its own at the root takes the place of the list, and learns what the client accepts', async (t) => {
  const root = page({
    path: '/',
    summary: 'for people',
    answer: ({ accept }) => text(200, accept),
  });
  const { url } = await started(t, [root]);
  assert.equal((await get(url, { headers: { accept: 'text/html;q=0.8' } })).body, 'text/html;q=0.8');
});

test('a page is asked only with the methods that it has, and otherwise 405 says which', async (t) => {
  const { changes, page: it } = changeable();
  const { url, port } = await started(t, [it, plain]);
  for (const method of ['PUT', 'POST', 'DELETE', 'OPTIONS', 'PATCH']) {
    const { status, allow, body } = await get(`${url}/plain`, { method });
    assert.deepEqual([status, allow, body], [405, 'GET, HEAD', 'allowed here: GET, HEAD\n'], method);
  }
  assert.equal((await get(`${url}/it`, { method: 'POST' })).allow, 'GET, HEAD, PUT');
  assert.equal((await get(`${url}/it`, { method: 'PUT', body: 'new' })).status, 200);
  assert.deepEqual(changes, ['new']);
  const head = await raw(port, 'HEAD /plain HTTP/1.1\nHost: localhost');
  assert.match(head, /^HTTP\/1\.1 200 OK\r\n[\s\S]*content-length: 6\r\n/);
  assert.ok(head.endsWith('\r\n\r\n'));
});

test('a query that is unknown, wrong or repeated is refused with one sentence that says what is allowed', async (t) => {
  const query = { slower: duration, limit: whole(1, 9), outcome: oneOf('ok', 'failed') };
  const filtered = page({
    path: '/q',
    summary: 'filtered',
    query,
    answer: ({ query: given }) => json(given),
  });
  const { url } = await started(t, [filtered, plain]);
  const ask = async (search: string) => {
    const { status, body } = await get(`${url}/${search}`);
    return [status, body];
  };
  const { body } = await get(`${url}/q?slower=1.5s&limit=9&outcome=failed`);
  assert.deepEqual(JSON.parse(body), { slower: 1_500, limit: 9, outcome: 'failed' });
  assert.equal((await get(`${url}/q`)).body, '{}\n');
  for (const [search, words] of [
    ['q?limits=1', 'unknown parameter "limits"; allowed here: slower, limit, outcome'],
    ['q?__proto__=1', 'unknown parameter "__proto__"; allowed here: slower, limit, outcome'],
    ['plain?x', 'unknown parameter "x"; none is allowed here'],
    ['q?slower=soon', 'slower must be a duration such as 250ms, not "soon"'],
    ['q?limit=10', 'limit must be a whole number from 1 to 9, not "10"'],
    ['q?limit=', 'limit must be a whole number from 1 to 9, not ""'],
    ['q?outcome=toString', 'outcome must be one of ok, failed, not "toString"'],
    ['q?limit=1&limit=2', 'limit is given twice'],
  ])
    assert.deepEqual(await ask(search ?? ''), [400, `${words}\n`]);
});

test('a page from elsewhere gets nothing through a browser, even if its name leads here', async (t) => {
  const { changes, page: it } = changeable();
  const { port } = await started(t, [it]);
  const status = async (...headers: string[]) => {
    const answer = await raw(port, ['PUT /it HTTP/1.1', 'Content-Length: 1', ...headers].join('\n'), 'x');
    return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
  };
  for (const host of [
    'rebound.example',
    `rebound.example:${port}`,
    'localhost.example',
    '127.0.0.1.example',
    '',
  ])
    assert.equal(await status(`Host: ${host}`), 403, host);
  const host = `Host: localhost:${port}`;
  for (const origin of [
    'http://rebound.example',
    'null',
    'http://localhost',
    `https://localhost:${port}`,
    '',
  ])
    assert.equal(await status(host, `Origin: ${origin}`), 403, origin);
  for (const site of ['cross-site', 'same-site'])
    assert.equal(await status(host, `Sec-Fetch-Site: ${site}`, 'Sec-Fetch-Mode: no-cors'), 403, site);
  assert.deepEqual(changes, []);
  for (const good of [`localhost:${port}`, 'LOCALHOST', '127.0.0.1', `10.1.2.3:${port}`, `[::1]:${port}`])
    assert.equal(await status(`Host: ${good}`), 200, good);
  assert.equal(await status(host, `Origin: http://localhost:${port}`, 'Sec-Fetch-Site: same-origin'), 200);
  assert.equal(await status(host, 'Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate'), 200, 'a link');
});

test('only a peer from loopback may change anything, and others may read', async (t) => {
  const own = Object.values(networkInterfaces())
    .flatMap((addresses = []) => addresses)
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
  if (own === undefined) return t.skip('needs an address besides loopback');
  const { changes, page: it } = changeable();
  const { port, url } = await started(t, [it], { host: '0.0.0.0', port: 0 });
  const answer = await raw(port, `PUT /it HTTP/1.1\nHost: ${own}\nContent-Length: 1`, 'x', own);
  assert.match(answer, /^HTTP\/1\.1 403 [\s\S]*PUT \/it is allowed from loopback only: /);
  assert.deepEqual(changes, []);
  assert.match(await raw(port, `GET /it HTTP/1.1\nHost: ${own}`, '', own), /^HTTP\/1\.1 200 /);
  assert.equal((await get(`${url}/it`, { method: 'PUT', body: 'y' })).status, 200);
  assert.deepEqual(changes, ['y']);
});

test('what a service mesh passes on from elsewhere does not count as loopback', async (t) => {
  const { changes, page: it } = changeable();
  const { port } = await started(t, [it]);
  const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.6' });
  const head = 'PUT /it HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1\r\n\r\n';
  socket.write(`${head}x`);
  assert.match(await allOf(socket), /^HTTP\/1\.1 403 /);
  assert.deepEqual(changes, []);
});

test('a body beyond 4 KiB is refused, with its length announced or not', async (t) => {
  const { changes, page: it } = changeable();
  const { url, port } = await started(t, [it]);
  const most = 'x'.repeat(4_096);
  assert.equal((await get(`${url}/it`, { method: 'PUT', body: most })).status, 200);
  assert.equal(changes.pop(), most);
  const refused = await get(`${url}/it`, { method: 'PUT', body: `${most}x` });
  assert.deepEqual([refused.status, refused.body], [413, 'the body may have at most 4096 bytes\n']);
  const socket = dial(port);
  socket.write(
    'PUT /it HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n',
  );
  socket.write(`1001\r\n${most}x\r\n`);
  assert.match(await allOf(socket), /^HTTP\/1\.1 413 /, 'it does not wait for the end');
  assert.deepEqual(changes, []);
});

test('headers beyond 8 KiB are refused', async (t) => {
  const { port, url } = await started(t, [plain]);
  const head = `GET /plain HTTP/1.1\nHost: localhost\nX-Long: ${'x'.repeat(9_000)}`;
  assert.match(await raw(port, head), /^HTTP\/1\.1 431 /);
  assert.equal((await get(`${url}/plain`)).status, 200);
});

test('it takes 64 connections, and the next ones are closed until there is room again', async (t) => {
  const { port, url } = await started(t, [plain]);
  const idle = Array.from({ length: 64 }, () => dial(port));
  t.after(() => idle.forEach((socket) => void socket.destroy()));
  await Promise.all(idle.map((socket) => once(socket, 'connect')));
  const refused = dial(port).resume();
  await once(refused, 'close');
  assert.equal(refused.bytesRead, 0);
  for (const socket of idle) socket.destroy();
  await until('it answers again', async () => {
    try {
      return (await get(`${url}/plain`)).status === 200;
    } catch {
      return false;
    }
  });
});

for (const [what, answer] of [
  ['a page', () => text(200, 'x'.repeat(64 * 1024 ** 2))],
  [
    'a stream that is over',
    (): Stream => ({
      kind: 'stream',
      contentType: 'text/plain',
      run: async (out) => void out.write('x'.repeat(64 * 1024 ** 2)),
    }),
  ],
] as const)
  test(`a client that does not read the rest of ${what} is disconnected`, async (t) => {
    const asked = Promise.withResolvers<Promise<unknown>>();
    const door = await openDoor({
      ...LOOPBACK,
      name: 'inspect',
      connectionsMost: 9,
      silenceMs: 100,
      answer: async (request) => {
        asked.resolve(once(request.socket, 'close'));
        return answer();
      },
    });
    t.after(() => door.close());
    const socket = dial(Number(door.address.split(':')[1]));
    t.after(() => socket.destroy());
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const closed = await asked.promise.then((closing) => [closing]);
    await soon('the end of the connection', Promise.all(closed));
  });

test('a page may take longer to make than a client may be silent', async (t) => {
  let isMaking = false;
  const door = await openDoor({
    ...LOOPBACK,
    name: 'inspect',
    connectionsMost: 9,
    silenceMs: 20,
    answer: async () => {
      isMaking = true;
      await setTimeout(400);
      return text(200, 'made\n');
    },
  });
  t.after(() => door.close());
  // On a slow machine a client is silent for that long before its request is there.
  const asked = () => get(`http://${door.address}`).catch(() => undefined);
  let answer = await asked();
  while (!isMaking) answer = await asked();
  assert.equal(answer?.body, 'made\n');
});

/** A stream that goes on until it is told to end. */
function endless() {
  const running = { now: 0, ended: 0 };
  const answer = (): Stream => ({
    kind: 'stream',
    contentType: 'application/x-ndjson',
    async run(out, signal) {
      running.now++;
      out.write('{"kind":"first"}\n');
      if (!signal.aborted) await once(signal, 'abort');
      running.now--;
      running.ended++;
    },
  });
  return { running, page: page({ path: '/stream', summary: 'a stream', answer }) };
}

test('a stream is sent as it comes, at most eight at a time, and ends with its reader or the door', async (t) => {
  const { running, page: stream } = endless();
  const { door, url, port } = await started(t, [stream, plain]);
  const readers = Array.from({ length: 8 }, () => dial(port));
  t.after(() => readers.forEach((socket) => void socket.destroy()));
  const firsts = readers.map(async (socket) => {
    socket.write('GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n');
    let seen = '';
    socket.on('data', (data) => {
      seen += data;
    });
    await until('its first line', () => seen.includes('{"kind":"first"}'));
    assert.match(seen, /content-type: application\/x-ndjson\r\n/);
  });
  await Promise.all(firsts);
  const refused = await get(`${url}/stream`);
  assert.deepEqual([refused.status, refused.body], [503, 'at most 8 streams at the same time\n']);
  assert.equal((await get(`${url}/plain`)).status, 200);
  readers[0]?.destroy();
  await until('the stream of the reader that left has ended', () => running.ended === 1);
  const next = await fetch(`${url}/stream`);
  assert.equal(next.status, 200);
  await next.body?.cancel();
  await until('this one has ended as well', () => running.ended === 2);
  const ends = readers.slice(1).map((socket) => once(socket.resume(), 'close'));
  await door.close();
  await Promise.all(ends);
  await until('all have ended', () => running.now === 0);
});

test('HEAD of a stream has the headers and does not start it', async (t) => {
  const { running, page: stream } = endless();
  const { port } = await started(t, [stream]);
  const answer = await raw(port, 'HEAD /stream HTTP/1.1\nHost: localhost');
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[\s\S]*application\/x-ndjson/);
  assert.deepEqual(running, { now: 0, ended: 0 });
});

test('a stream that fails is cut, and the next request is served', async (t) => {
  const failing = (): Stream => ({
    kind: 'stream',
    contentType: 'text/plain',
    run: async (out) => {
      out.write('so far\n');
      throw new Error('a bug');
    },
  });
  const broken = page({ path: '/broken', summary: 'a stream', answer: failing });
  const { url } = await started(t, [broken, plain]);
  await assert.rejects(fetch(`${url}/broken`).then((response) => response.text()));
  assert.equal((await get(`${url}/plain`)).status, 200);
});

test('a stream that is written to after its end disturbs nobody', async (t) => {
  const wrote = Promise.withResolvers<void>();
  const late = (): Stream => ({
    kind: 'stream',
    contentType: 'text/plain',
    run: async (out) => {
      out.write('all\n');
      // Once the door has ended it.
      process.nextTick(() => {
        assert.ok(out.writableEnded);
        out.write('too late\n');
        wrote.resolve();
      });
    },
  });
  const { url } = await started(t, [page({ path: '/late', summary: 'a stream', answer: late }), plain]);
  assert.equal((await get(`${url}/late`)).body, 'all\n');
  await wrote.promise;
  assert.equal((await get(`${url}/plain`)).status, 200);
});
