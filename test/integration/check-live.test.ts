import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { curveKeyPair, Publisher } from 'zeromq';
import { context } from '../../src/transport/zeromq/context.ts';
import { libzmq } from '../../src/transport/zeromq/zeromq-transport.ts';
import { slice } from '../support/api-server.ts';
import { startCluster } from '../support/cluster.ts';
import { inThisProcess } from '../support/in-this-process.ts';
import { Program, startServe } from '../support/program.ts';
import { RawServer, serveZmtp30 } from '../support/raw-server.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const folder = scratch();
let files = 0;

function write(content: string): string {
  const file = join(folder, `file-${files++}`);
  writeFileSync(file, content, { mode: 0o600 });
  return file;
}

type Routes = Record<string, object>;

function configFile(routes: Routes): string {
  const all = Object.entries(routes).map(([name, route], index) => ({
    ...{ name, listen: `tcp://127.0.0.1:${5555 + index}` },
    ...route,
  }));
  return write(JSON.stringify({ routes: all }));
}

const to = (...endpoints: string[]) => ({ upstream: { endpoints } });

/** What it says of the endpoints, without what it says of the configuration. Times are left out. */
async function checkLive(routes: Routes, ...args: string[]) {
  const run = await inThisProcess('check', '--live', '--config', configFile(routes), ...args);
  const { code, stdout, stderr } = run;
  assert.deepEqual(stderr, []);
  const lines = stdout.slice(1 + Object.keys(routes).length);
  return { code, lines: lines.map((line) => line.replace(/ +\d+\.\d ms$/, ' T')) };
}

/** Nobody listens there: a port that was free just now. */
async function nobody(t: TestContext): Promise<string> {
  const server = await RawServer.start(t, () => undefined);
  server.close();
  return server.address;
}

const REFUSED = 'nobody listens there (connection refused)';

test('each endpoint has a line that says what it is, or why it does not work', async (t) => {
  const { address } = await startServe(t);
  const old = await RawServer.start(t, (socket) => serveZmtp30(socket));
  const web = await RawServer.start(t, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  const none = await nobody(t);
  const { code, lines } = await checkLive({ orders: to(none, address, web.address, old.address) });
  assert.equal(code, 0);
  const width = Math.max(...[none, address, web.address, old.address].map(({ length }) => length));
  assert.deepEqual(lines, [
    'orders: 2 of 4 endpoints work',
    `  ok    ${address.padEnd(width)}  ROUTER  ZMTP 3.1 T`,
    `  ok    ${old.address.padEnd(width)}  REP     ZMTP 3.0 T`,
    `  FAILS ${none.padEnd(width)}  ${REFUSED}`,
    `  FAILS ${web.address.padEnd(width)}  the peer is not ZeroMQ: it speaks HTTP`,
    'warning: orders: 2 of 4 endpoints fail: see above',
  ]);
});

test('it fails if one route has no endpoint that works, whatever the others have', async (t) => {
  const { address } = await startServe(t);
  const none = await nobody(t);
  const { code, lines } = await checkLive({ orders: to(address), stock: to(none) });
  assert.equal(code, 1);
  assert.deepEqual(lines, [
    'orders: 1 of 1 endpoints work',
    `  ok    ${address}  ROUTER  ZMTP 3.1 T`,
    'stock: 0 of 1 endpoints work',
    `  FAILS ${none}  ${REFUSED}`,
    `problem: stock: no endpoint works: ${REFUSED}`,
  ]);
});

test('with --all it fails if a single endpoint does not work', async (t) => {
  const { address } = await startServe(t);
  assert.equal((await checkLive({ orders: to(address) }, '--all')).code, 0);
  const { code, lines } = await checkLive({ orders: to(address, await nobody(t)) }, '--all');
  assert.equal(code, 1);
  assert.equal(lines.at(-1), `problem: orders: 1 of 2 endpoints fail: ${REFUSED}`);
});

test('a socket that takes no requests is no endpoint, even if it hangs up before it says why', async (t) => {
  const publisher = new Publisher({ context, linger: 0 });
  t.after(() => publisher.close());
  await publisher.bind('tcp://127.0.0.1:*');
  const { code, lines } = await checkLive({ orders: to(String(publisher.lastEndpoint)) });
  assert.equal(code, 1);
  assert.match(lines[1] ?? '', /FAILS .*(PUB socket, which does not fit|another type of socket)/);
});

test('no request is sent', async (t) => {
  const serve = await startServe(t);
  assert.equal((await checkLive({ orders: to(serve.address) })).code, 0);
  serve.program.kill('SIGTERM');
  await serve.program.line((line) => /^answered 0 requests$/.exec(line)?.[0]);
});

test('a frozen peer is reported when the time is over', async (t) => {
  const { program, address } = await startServe(t);
  program.kill('SIGSTOP');
  const check = (ms: number) => checkLive({ orders: to(address) }, '--within', `${ms}ms`);
  const isConnected = ({ lines }: Awaited<ReturnType<typeof check>>) =>
    / {2}TCP connects, /.test(lines[1] ?? '');
  // A slow machine takes longer to connect.
  let [ms, checked] = [200, await check(200)];
  for (; !isConnected(checked) && ms < 100_000; checked = await check(ms)) ms *= 2;
  assert.equal(checked.code, 1);
  assert.match(
    checked.lines[1] ?? '',
    /^ {2}FAILS \S+ {2}TCP connects, but no ZMTP handshake yet: the server is stopped or/,
  );
});

test('a peer that hangs up once and then shows what it is, is reported as what it is', async (t) => {
  const server = await RawServer.start(t, (socket, number) =>
    number === 0 ? socket.end() : socket.end('SSH-2.0-OpenSSH_9.9\r\n'),
  );
  const { lines } = await checkLive({ orders: to(server.address) });
  assert.match(lines[1] ?? '', /the peer is not ZeroMQ: it begins with "SSH-2\.0/);
  assert.equal(server.sockets.length, 2);
});

const own = curveKeyPair();
const curveOf = (serverKey: string) => ({
  curve: {
    ...{ serverKeyFile: write(serverKey), publicKeyFile: write(own.publicKey) },
    secretKeyFile: write(own.secretKey),
  },
});

/** A server with CURVE that lets in whom it knows. */
async function curveServer(t: TestContext, allowed: string) {
  const keys = curveKeyPair();
  const policy = { mode: undefined, connections: 10, messageBytes: 1_024, unreadBytes: 1_024 };
  const listener = await libzmq.listen(
    { address: 'tcp://127.0.0.1:0', secretKey: keys.secretKey },
    { ...policy, allowedKeys: [allowed] },
    {
      joined: () => {
        throw new Error('nobody sends');
      },
      refused: () => undefined,
    },
  );
  t.after(() => listener.close(0));
  return { address: listener.address, publicKey: keys.publicKey };
}

test('with the right keys of CURVE an endpoint works', async (t) => {
  const { address, publicKey } = await curveServer(t, own.publicKey);
  const { code, lines } = await checkLive({ orders: { ...to(address), ...curveOf(publicKey) } });
  assert.deepEqual([code, lines.slice(1)], [0, [`  ok    ${address}  ZeroMQ  CURVE T`]]);
});

test('with wrong keys of CURVE, or none, the reason names the key', async (t) => {
  const stranger = curveKeyPair().publicKey;
  const strict = await curveServer(t, stranger);
  const server = await curveServer(t, own.publicKey);
  const plain = await startServe(t);
  const { code, lines } = await checkLive({
    refused: { ...to(strict.address), ...curveOf(strict.publicKey) },
    mistaken: { ...to(server.address), ...curveOf(stranger) },
    keyless: to(server.address),
    needless: { ...to(plain.address), ...curveOf(server.publicKey) },
  });
  assert.equal(code, 1);
  const problem = (route: string) => lines.find((line) => line.startsWith(`problem: ${route}: `)) ?? '';
  assert.match(
    problem('refused'),
    /the server refused our key: it has to allow the public key in curve\.publicKeyFile \(\S+\)/,
  );
  assert.match(problem('mistaken'), /curve\.serverKeyFile \(\S+\) does not hold the key of this server/);
  assert.match(
    problem('keyless'),
    /the peer uses CURVE, and no curve is configured here|it wants a key \(CURVE\)/,
  );
  assert.match(problem('needless'), /the server does not use CURVE/);
});

test('discovery is asked as the sidecar asks it, and its words are shown', async (t) => {
  const { address } = await startServe(t);
  const port = Number(new URL(address).port);
  const cluster = await startCluster(t, 'service');
  await cluster.put('endpointslices', slice('orders-a', [{ ip: '127.0.0.1', pod: 'orders-7f9' }], port));
  process.env['KUBECONFIG'] = cluster.kubeconfig;
  const service = (name: string, zmq: string) => ({ upstream: { kubernetes: { service: name, port: zmq } } });
  const { code, lines } = await checkLive({
    orders: service('orders', 'zmq'),
    stock: service('orders', 'zqm'),
  });
  assert.equal(code, 1);
  assert.deepEqual(lines.slice(0, 3), [
    'orders: 1 of 1 endpoints work',
    `  ok    ${address}  orders-7f9  ROUTER  ZMTP 3.1 T`,
    'stock: no endpoints',
  ]);
  assert.match(lines[3] ?? '', /^problem: stock: discovery found no endpoints: .*zqm/);
});

test('an API server that says nothing is named when the time is over', async (t) => {
  const deaf = await RawServer.start(t, () => undefined);
  const kubeconfig = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'a', users: [{ name: 'a', user: {} }] },
    contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
    clusters: [
      {
        name: 'a',
        cluster: { server: deaf.address.replace('tcp', 'http'), 'insecure-skip-tls-verify': true },
      },
    ],
  };
  process.env['KUBECONFIG'] = write(JSON.stringify(kubeconfig));
  const upstream = { kubernetes: { service: 'orders', port: 'zmq' } };
  const { code, lines } = await checkLive({ orders: { upstream } }, '--within', '300ms');
  assert.deepEqual(
    [code, lines],
    [1, ['orders: no endpoints', 'problem: orders: the Kubernetes API server did not answer within 300ms']],
  );
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} ends it at once`, async (t) => {
    const deaf = await RawServer.start(t, () => undefined);
    const args = ['check', '--live', '--within', '24h', '--upstream', deaf.address];
    const program = Program.lazypirate(t, args);
    await until('it is connected', () => deaf.sockets.length > 0);
    program.kill(signal);
    assert.deepEqual(await program.ended, { code: 1, signal: null });
    assert.deepEqual(program.stderr, ['lazypirate: interrupted']);
  });
}

test('a configuration that is not valid is 2, and nothing is asked', async () => {
  const wrong = await inThisProcess('check', '--live', '--upstream', 'nope');
  assert.deepEqual([wrong.code, wrong.stdout], [2, []]);
  for (const [args, words] of [
    [['--within', '5s'], /--within works only with --live/],
    [['--live', '--inspect', '127.0.0.1:1'], /--inspect asks a running sidecar.*explain, status or tap/],
    [['--all'], /--all works only with --live/],
    [['--live', '--within', '0'], /--within: must be from 1ms to 24h/],
    [['--live', '--within', 'soon'], /--within: "soon" is not a duration/],
  ] as const) {
    const { code, stderr } = await inThisProcess('check', '--upstream', 'tcp://127.0.0.1:1', ...args);
    assert.equal(code, 2);
    assert.match(stderr.join('\n'), words);
  }
});
