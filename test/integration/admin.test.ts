import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, createServer, request as send } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { StartError } from '../../src/errors.ts';
import { openClusterDoor } from '../../src/ops/admin/cluster-door.ts';
import { type HealthSources, healthPages } from '../../src/ops/admin/health-pages.ts';
import { json, page } from '../../src/ops/admin/page.ts';
import { soon } from '../support/until.ts';

const OK = { isOk: true, reason: 'all is well' };

interface Given extends Partial<HealthSources> {
  host?: string;
  port?: number;
  /** Where the other door is. */
  inspect?: string | undefined;
}

/** The door for the cluster, and a page that only the other door serves. */
async function started(t: TestContext, given: Given = {}) {
  const { host = '127.0.0.1', port = 0, inspect, ...sources } = given;
  const pages = healthPages({
    startup: () => OK,
    ready: () => OK,
    metrics: { text: async (format) => `# ${format}\n` },
    ...sources,
  });
  const status = page({ path: '/status', summary: 'routes', answer: () => json({}) });
  const admin = await openClusterDoor({ host, port }, pages, { pages: [status], address: () => inspect });
  t.after(() => admin.close());
  return { admin, url: `http://${admin.address}` };
}

async function get(url: string, method = 'GET') {
  const response = await fetch(url, { method });
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
}

function dial(address: string): Socket {
  const { hostname, port } = new URL(`tcp://${address}`);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  return socket;
}

test('the reported address is the one that was bound', async (t) => {
  const { admin } = await started(t);
  assert.match(admin.address, /^127\.0\.0\.1:[1-9]\d*$/);
});

test('a connection ends with its answer, and does not wait for the client to close it', async (t) => {
  const { admin } = await started(t);
  const ended: string[] = [];
  const open = (what: string, sent: string) => {
    const socket = dial(admin.address).resume();
    socket.write(sent);
    const end = once(socket, 'end').then(() => ended.push(what));
    return { socket, end };
  };
  const answered = open('answered', 'GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
  await once(answered.socket, 'data');
  // The other one never says all, and is cut for that.
  const cut = open('cut', 'GET /livez HTTP/1.1\r\n');
  await Promise.all([answered.end, cut.end]);
  assert.deepEqual(ended, ['answered', 'cut']);
});

test('every address of either family is listened on for [::]', async (t) => {
  const { admin } = await started(t, { host: '::' });
  const port = admin.address.slice(admin.address.lastIndexOf(':'));
  const hosts = admin.address.startsWith('[::]') ? ['127.0.0.1', '[::1]'] : ['127.0.0.1'];
  for (const host of hosts) assert.equal((await get(`http://${host}${port}/livez`)).body, 'ok\n');
});

test('each page answers', async (t) => {
  const { url } = await started(t);
  const plain = 'text/plain; charset=utf-8';
  assert.deepEqual(await get(`${url}/startupz`), { status: 200, type: plain, body: 'ok: all is well\n' });
  assert.deepEqual(await get(`${url}/livez`), { status: 200, type: plain, body: 'ok\n' });
  assert.deepEqual(await get(`${url}/readyz?verbose`), {
    status: 200,
    type: plain,
    body: 'ok: all is well\n',
  });
  assert.deepEqual(await get(`${url}/metrics`), {
    status: 200,
    type: 'text/plain; version=0.0.4; charset=utf-8',
    body: '# prometheus\n',
  });
});

test('a scrape that asks for OpenMetrics gets it, and the answer says so', async (t) => {
  const { url } = await started(t);
  const scraped = await fetch(`${url}/metrics`, { headers: { accept: 'application/openmetrics-text' } });
  assert.deepEqual(
    [scraped.headers.get('content-type'), scraped.headers.get('vary'), await scraped.text()],
    ['application/openmetrics-text; version=1.0.0; charset=utf-8', 'accept', '# openMetrics\n'],
  );
});

test('the root page and the page for unknown paths list the pages, and say where the rest is', async (t) => {
  const { url } = await started(t, { inspect: '127.0.0.1:9' });
  for (const [path, status] of [
    ['/', 200],
    ['/nothing', 404],
    ['/metrics/', 404],
  ] as const) {
    const page = await get(`${url}${path}`);
    assert.equal(page.status, status);
    for (const listed of ['/startupz', '/livez', '/readyz', '/metrics', '/status: at http://127.0.0.1:9 ']) {
      assert.ok(page.body.includes(listed), `${path} lists ${listed}`);
    }
  }
});

test('a page of the other door answers 404 with its address there, or says that this door is off', async (t) => {
  const { url } = await started(t, { inspect: '127.0.0.1:9' });
  const { status, body } = await get(`${url}/status?x=1`);
  assert.equal(status, 404);
  assert.match(body, /^\/status is at http:\/\/127\.0\.0\.1:9\/status \(admin\.inspect\); .*port-forward\n$/);
  const closed = await started(t);
  assert.match((await get(closed.url)).body, /\/status: not served, because admin\.inspect is off\n/);
  const page = await get(`${closed.url}/status`);
  assert.equal(page.body, '/status is not served, because admin.inspect is off\n');
});

test('a failing probe answers 503 with the reason; liveness is not affected', async (t) => {
  const failing = (reason: string) => () => ({ isOk: false, reason });
  const { url } = await started(t, {
    startup: failing('not listening yet: orders'),
    ready: failing('draining'),
  });
  assert.equal((await get(`${url}/startupz`)).body, 'not ok: not listening yet: orders\n');
  assert.equal((await get(`${url}/readyz`)).body, 'not ok: draining\n');
  assert.equal((await get(`${url}/startupz`)).status, 503);
  assert.equal((await get(`${url}/readyz`)).status, 503);
  assert.equal((await get(`${url}/livez`)).status, 200);
});

test('HEAD answers like GET, without the body', async (t) => {
  const { admin } = await started(t);
  const socket = dial(admin.address);
  socket.end('HEAD /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  const answer = await text(socket);
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(answer, /content-length: 3\r\n/);
  assert.ok(answer.endsWith('\r\n\r\n'));
});

for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
  test(`${method} is refused with 405`, async (t) => {
    const { url } = await started(t);
    const response = await fetch(`${url}/metrics`, { method });
    assert.equal(response.status, 405);
    assert.equal(response.headers.get('allow'), 'GET, HEAD');
    assert.equal(await response.text(), 'only GET and HEAD are allowed here\n');
  });
}

test('a page that fails answers 500, and the next one is served', async (t) => {
  const { url } = await started(t, {
    ready: () => {
      throw new Error('not today');
    },
    metrics: { text: () => Promise.reject(new Error('no metrics today')) },
  });
  assert.deepEqual(await get(`${url}/readyz`), {
    status: 500,
    type: 'text/plain; charset=utf-8',
    body: 'internal error: not today\n',
  });
  assert.equal((await get(`${url}/metrics`)).body, 'internal error: no metrics today\n');
  assert.equal((await get(`${url}/livez`)).status, 200);
});

test('a client that leaves before its page is made disturbs nobody', async (t) => {
  const asked = Promise.withResolvers<void>();
  const made = Promise.withResolvers<string>();
  const slow = {
    text: () => {
      asked.resolve();
      return made.promise;
    },
  };
  const { admin, url } = await started(t, { metrics: slow });
  const socket = dial(admin.address);
  socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
  await asked.promise;
  socket.destroy();
  await once(socket, 'close');
  assert.equal((await get(`${url}/livez`)).status, 200);
  made.resolve('too late\n');
  assert.equal((await get(`${url}/livez`)).status, 200);
});

test('only one of many pipelined requests on a connection is answered', async (t) => {
  let made = 0;
  const metrics = { text: async () => `${made++}` };
  const { admin } = await started(t, { metrics });
  const socket = dial(admin.address);
  t.after(() => socket.destroy());
  let answers = '';
  socket.on('data', (data) => {
    answers += data;
  });
  socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_000));
  await once(socket, 'end');
  assert.equal(made, 1);
  assert.equal(answers.split('HTTP/1.1 200').length, 2);
  assert.match(answers, /^HTTP\/1.1 200 OK/);
  assert.match(answers, /connection: close/i);
  assert.equal((await get(`http://${admin.address}/livez`)).status, 200);
});

test('junk instead of HTTP is refused, and the next request is served', async (t) => {
  const { admin, url } = await started(t);
  const socket = dial(admin.address);
  socket.write(Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f]));
  assert.match(await text(socket), /^HTTP\/1\.1 400 /);
  assert.equal((await get(`${url}/livez`)).status, 200);
});

test('a hundred scrapes at once are all served', async (t) => {
  const { admin } = await started(t);
  const agent = new Agent();
  t.after(() => agent.destroy());
  const scrape = async () => {
    const request = send(`http://${admin.address}/metrics`, { agent }).end();
    const [response] = await once(request, 'response');
    return `${response.statusCode} ${await text(response)}`;
  };
  const answers = await Promise.all(Array.from({ length: 100 }, scrape));
  assert.deepEqual(new Set(answers), new Set(['200 # prometheus\n']));
  assert.equal(answers.length, 100);
});

test('a client that is too slow with its headers is disconnected', async (t) => {
  const { admin } = await started(t);
  // Where nobody says so Node waits for a minute.
  const control = createServer().listen(0, '127.0.0.1');
  t.after(() => control.close().closeAllConnections());
  await once(control, 'listening');
  const { port } = control.address() as { port: number };
  const ends = [`127.0.0.1:${port}`, admin.address].map(async (address) => {
    const socket = dial(address);
    socket.write('GET /status HTTP/1.1\r\nHost: ');
    return { address, answer: await text(socket) };
  });
  const { address, answer } = await Promise.race(ends);
  assert.match(answer, /^HTTP\/1\.1 408 /);
  assert.equal(address, admin.address);
});

test('neither an idle connection, nor half a request, nor a page that never comes delays the close', async (t) => {
  const asked = Promise.withResolvers<void>();
  const never = {
    text: () => {
      asked.resolve();
      return new Promise<string>(() => undefined);
    },
  };
  const { admin } = await started(t, { metrics: never });
  const idle = dial(admin.address);
  await once(idle, 'connect');
  const half = dial(admin.address);
  half.write('GET /li');
  const waiting = dial(admin.address);
  waiting.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
  await asked.promise;
  const ends = [idle, half, waiting].map((socket) => once(socket.resume(), 'close'));
  await soon('the close, while a page is still being made', admin.close());
  await Promise.all(ends);
  await admin.close();
});

test('a port in use is reported in one line with the address', async (t) => {
  const { admin } = await started(t);
  const port = Number(admin.address.split(':')[1]);
  await assert.rejects(started(t, { port }), (error) => {
    assert.ok(error instanceof StartError);
    assert.deepEqual(error.lines, [
      `admin: cannot listen on ${admin.address}: port in use, perhaps by another sidecar; choose another port with --admin-listen or admin.listen`,
    ]);
    return true;
  });
});

test('an address of another machine is reported in one line', async (t) => {
  await assert.rejects(started(t, { host: '192.0.2.1' }), {
    name: 'StartError',
    message: 'admin: cannot listen on 192.0.2.1:0: not an address of this machine',
  });
});

test('it listens on IPv6, and shows the address in brackets', async (t) => {
  const { admin, url } = await started(t, { host: '::1' });
  assert.match(admin.address, /^\[::1\]:\d+$/);
  assert.equal((await get(`${url}/livez`)).status, 200);
});
