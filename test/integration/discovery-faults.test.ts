import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { ApiServer, type Fault, slice } from '../support/api-server.ts';
import { discover } from '../support/cluster.ts';
import { rulesFor } from '../support/roles.ts';
import { until } from '../support/until.ts';

const SERVICE = { kind: 'service', name: 'orders' } as const;
/** As long as the client waits for an answer of the server. */
const ANSWER_TIMEOUT_MS = 15_000;
const ONE = 'tcp://10.1.0.1:7000';
const TWO = 'tcp://10.1.0.2:7000';
const WATCH = 'watch endpointslices';

/** A server with one endpoint, and a discovery that has found it. */
async function start(t: Parameters<typeof ApiServer.start>[0]) {
  const server = await ApiServer.start(t);
  server.put('endpointslices', slice('orders-a', [{ ip: '10.1.0.1' }]));
  const { told, stop } = discover(t, server.kubeconfig(t), SERVICE);
  await told.untilSet(ONE);
  return { server, told, stop };
}

test('a server that is down at the start is found when it is up', async (t) => {
  const server = await ApiServer.start(t);
  server.put('endpointslices', slice('orders-a', [{ ip: '10.1.0.1' }]));
  await server.close();
  const { told } = discover(t, server.kubeconfig(t), SERVICE);
  await told.until(({ failures }) => failures.length > 0);
  const [refused] = told.failures;
  assert.deepEqual(
    [refused?.reason, refused?.source, refused?.isRefused],
    ['unreachable', 'api_server', true],
  );
  assert.match(refused?.message ?? '', /^https:\/\/127(\.\d+){3}:\d+: .*ECONNREFUSED/);
  await server.listen();
  await told.untilSet(ONE);
});

const LIST_FAULTS: [string, Fault, string][] = [
  ['401', { status: 401 }, 'forbidden'],
  ['403', { status: 403 }, 'forbidden'],
  ['404', { status: 404 }, 'not_found'],
  ['429', { status: 429, headers: { 'retry-after': '1' } }, 'unreachable'],
  ['500', { status: 500 }, 'unreachable'],
  ['a cut connection', 'cut', 'unreachable'],
  ['HTML', { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>Hi</html>' }, 'invalid'],
  [
    'JSON that is no list',
    { status: 200, headers: { 'content-type': 'application/json' }, body: '{}' },
    'invalid',
  ],
  ['null', { status: 200, headers: { 'content-type': 'application/json' }, body: 'null' }, 'invalid'],
  [
    'items without metadata',
    {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: '{"metadata":{"resourceVersion":"1"},"items":[{}]}',
    },
    'invalid',
  ],
];

for (const [name, fault, reason] of LIST_FAULTS) {
  test(`a server that answers a list with ${name}: the last good set stays, and it recovers`, async (t) => {
    const { server, told } = await start(t);
    server.fault = { list: fault, watch: 'cut' };
    server.cut();
    await told.until(({ failures }) => failures.some((one) => one.reason === reason));
    server.put('endpointslices', slice('orders-a', [{ ip: '10.1.0.2' }]));
    assert.deepEqual(told.last, [ONE]);
    server.fault = {};
    await told.untilSet(TWO);
  });
}

for (const [name, text] of [
  ['an event without an object', '{"type":"ADDED"}\n'],
  ['an event without metadata', '{"type":"MODIFIED","object":{}}\n'],
  ['an event with null', '{"type":"DELETED","object":null}\n'],
  ['an unknown event', '{"type":"EXPLODED","object":{"metadata":{"name":"a"}}}\n'],
  ['junk', '<html>\n'],
  ['a torn event', '{"type":"MODIFIED","object":\n'],
  ['an error event', '{"type":"ERROR","object":{"code":500,"message":"etcd is gone"}}\n'],
] as const) {
  test(`${name} in a watch: a new list repairs it`, async (t) => {
    const { server, told } = await start(t);
    await until('a watch stands', () => server.watches > 0);
    server.sendRaw(text);
    await told.until(({ failures }) => failures.length === 1);
    server.put('endpointslices', slice('orders-a', [{ ip: '10.1.0.2' }]));
    await told.untilSet(TWO);
    assert.equal(server.count('list endpointslices'), 2);
  });
}

test('a slice that makes no sense changes nothing', async (t) => {
  const { server, told } = await start(t);
  const bad = { ...slice('orders-b', []), endpoints: 7 };
  server.put('endpointslices', bad);
  await told.until(({ failures }) => failures.length === 1);
  assert.equal(told.failures[0]?.reason, 'invalid');
  assert.deepEqual(told.last, [ONE]);
  server.delete('endpointslices', 'orders-b');
  server.put('endpointslices', slice('orders-a', [{ ip: '10.1.0.2' }]));
  await told.untilSet(TWO);
});

test('a watch that is answered with HTML is reported, and lists find each change', async (t) => {
  const { server, told } = await start(t);
  server.fault = {
    watch: { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>Hi</html>' },
  };
  server.endWatches();
  await told.until(({ failures }) => failures.length > 0);
  assert.equal(told.failures[0]?.reason, 'invalid');
  assert.match(told.failures[0]?.message ?? '', /sent something that is no event/);
  server.put('endpointslices', slice('orders-a', [{ ip: '10.1.0.2' }]));
  await told.untilSet(TWO);
});

test('watches that end before they told anything prove nothing: lists find each change', async (t) => {
  const { server, told } = await start(t);
  server.fault = { watch: { status: 200, body: '' } };
  server.endWatches();
  await until('such a watch was asked for', () => server.count(WATCH) > 1);
  server.put('endpointslices', slice('orders-a', [{ ip: '10.1.0.2' }]));
  await told.untilSet(TWO);
  assert.deepEqual(told.failures, []);
});

test('an event that does not end is not waited for', async (t) => {
  const { server, told } = await start(t);
  await until('a watch stands', () => server.watches > 0);
  const part = 'x'.repeat(1_024 * 1_024);
  for (let times = 0; times < 10; times++) server.sendRaw(part);
  await told.until(({ failures }) => failures.length > 0);
  assert.deepEqual([told.failures[0]?.reason, told.failures[0]?.source], ['invalid', 'api_server']);
  assert.match(told.failures[0]?.message ?? '', /an event that does not end/);
  server.put('endpointslices', slice('orders-a', [{ ip: '10.1.0.2' }]));
  await told.untilSet(TWO);
});

test('a watch that the server ends is resumed without a list, and is not a failure', async (t) => {
  const { server, told } = await start(t);
  await until('a watch stands', () => server.watches > 0);
  server.bookmark();
  await told.until(({ confirmations }) => confirmations === 1);
  server.endWatches();
  server.put('endpointslices', slice('orders-a', [{ ip: '10.1.0.2' }]));
  await told.untilSet(TWO);
  assert.equal(server.count('list endpointslices'), 1);
  assert.deepEqual(told.failures, []);
});

test('a bookmark confirms the set', async (t) => {
  const { server, told } = await start(t);
  await until('a watch stands', () => server.watches > 0);
  server.bookmark();
  await told.until(({ confirmations }) => confirmations === 1);
});

test('410 on each watch: a new list each time, and no failure', async (t) => {
  const server = await ApiServer.start(t);
  server.put('endpointslices', slice('orders-a', [{ ip: '10.1.0.1' }]));
  server.oldest = Number.POSITIVE_INFINITY;
  const { told } = discover(t, server.kubeconfig(t), SERVICE);
  await told.until(({ sets }) => sets.length >= 4);
  assert.ok(server.count('list endpointslices') >= 4);
  assert.deepEqual(told.failures, []);
});

test('a long list comes in pages', async (t) => {
  const server = await ApiServer.start(t);
  server.pageItems = 3;
  for (let index = 0; index < 10; index++) {
    server.put('endpointslices', slice(`orders-${index}`, [{ ip: `10.1.0.${index + 1}` }]));
  }
  const { told } = discover(t, server.kubeconfig(t), SERVICE);
  await told.until(({ last }) => last?.length === 10);
  assert.equal(server.count('list endpointslices'), 4);
});

test('a list that does not end is given up', async (t) => {
  const server = await ApiServer.start(t);
  server.pageItems = 0;
  server.put('endpointslices', slice('orders-a', [{ ip: '10.1.0.1' }]));
  const { told } = discover(t, server.kubeconfig(t), SERVICE);
  await told.until(({ failures }) => failures.length > 0);
  assert.equal(told.failures[0]?.reason, 'invalid');
  assert.match(told.failures[0]?.message ?? '', /more than 200 pages/);
  server.pageItems = 500;
  await told.untilSet(ONE);
});

test('a missing permission is reported by name, and recovery needs no restart', async (t) => {
  const server = await ApiServer.start(t);
  server.put('endpointslices', slice('orders-a', [{ ip: '10.1.0.1' }]));
  const { rules } = server;
  server.rules = rulesFor('pods');
  const { told } = discover(t, server.kubeconfig(t), SERVICE);
  await told.until(({ failures }) => failures.length > 0);
  assert.equal(told.failures[0]?.reason, 'forbidden');
  assert.match(told.failures[0]?.message ?? '', /403: endpointslices is forbidden: cannot list/);
  server.rules = rules;
  await told.untilSet(ONE);
});

test('over TLS, with a token that changes while it runs', async (t) => {
  const server = await ApiServer.start(t);
  server.put('endpointslices', slice('orders-a', [{ ip: '10.1.0.1' }]));
  server.token = 'first';
  const kubeconfig = server.kubeconfig(t);
  const { told } = discover(t, kubeconfig, SERVICE);
  await told.untilSet(ONE);
  server.token = 'second';
  server.cut();
  await told.until(({ failures }) => failures.some(({ message }) => message === '401: Unauthorized'));
  writeFileSync(join(dirname(kubeconfig), 'token'), 'second');
  // The client reads the file once a minute.
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 61_000 });
  server.put('endpointslices', slice('orders-a', [{ ip: '10.1.0.2' }]));
  await told.untilSet(TWO);
});

test('an unknown certificate is refused', async (t) => {
  const server = await ApiServer.start(t);
  const kubeconfig = server.kubeconfig(t);
  const other = await ApiServer.start(t);
  const ca = JSON.parse(readFileSync(other.kubeconfig(t), 'utf8')).clusters[0].cluster;
  const config = JSON.parse(readFileSync(kubeconfig, 'utf8'));
  config.clusters[0].cluster['certificate-authority-data'] = ca['certificate-authority-data'];
  writeFileSync(kubeconfig, JSON.stringify(config));
  const { told } = discover(t, kubeconfig, SERVICE);
  await told.until(({ failures }) => failures.length > 0);
  assert.deepEqual([told.failures[0]?.reason, told.failures[0]?.isRefused], ['unreachable', false]);
  assert.match(told.failures[0]?.message ?? '', /certificate/);
});

test('an invalid kubeconfig is reported, not thrown', async (t) => {
  const server = await ApiServer.start(t);
  const kubeconfig = server.kubeconfig(t);
  writeFileSync(kubeconfig, 'clusters: 7');
  const { told } = discover(t, kubeconfig, SERVICE);
  await told.until(({ failures }) => failures.length > 0);
  assert.deepEqual([told.failures[0]?.reason, told.failures[0]?.source], ['invalid', 'kubeconfig']);
  assert.match(told.failures[0]?.message ?? '', /the kubeconfig cannot be used/);
});

test('without any cluster, the error says what is missing', async (t) => {
  const before = process.env['HOME'];
  process.env['HOME'] = '/nonexistent';
  t.after(() => {
    process.env['HOME'] = before;
  });
  const { told } = discover(t, '', SERVICE);
  await told.until(({ failures }) => failures.length > 0);
  assert.match(told.failures[0]?.message ?? '', /there is no kubeconfig and no service account token/);
});

test('10,000 endpoints are found, and impossible addresses are skipped', async (t) => {
  const server = await ApiServer.start(t);
  for (let part = 0; part < 100; part++) {
    const endpoints = Array.from({ length: 100 }, (_, index) => ({ ip: `10.${part}.0.${index + 1}` }));
    server.put('endpointslices', slice(`orders-${part}`, endpoints));
  }
  const bad = ['999.1.1.1', '', 'orders.shop', '10.0.0.1/8', '::1'].map((ip) => ({ ip }));
  server.put('endpointslices', slice('orders-bad', bad));
  server.put('endpointslices', slice('orders-port', [{ ip: '10.200.0.1' }], 70_000));
  const { told } = discover(t, server.kubeconfig(t), SERVICE);
  await told.until(({ last }) => last?.length === 10_000);
});

test('stopping in the middle of anything ends it at once', async (t) => {
  for (const fault of [{ list: 'hang' }, { watch: 'hang' }, {}] as const) {
    const server = await ApiServer.start(t);
    server.fault = fault;
    const { stop } = discover(t, server.kubeconfig(t), SERVICE);
    await until('it has asked', () => server.requests.length >= ('list' in fault ? 1 : 2));
    let isStopped = false;
    const stopping = stop().then(() => {
      isStopped = true;
    });
    // Long before the client would wait no longer for an answer, by a timer that is as late as the client's where the machine is slow.
    const isEnough = new AbortController();
    const enough = setTimeout(ANSWER_TIMEOUT_MS / 2, undefined, { signal: isEnough.signal });
    await Promise.race([stopping, enough.then(() => setImmediate())]);
    assert.ok(isStopped);
    enough.catch(() => undefined);
    isEnough.abort();
  }
});

test('reconnecting leaks no descriptors', {
  skip: process.platform !== 'linux' && 'needs /proc',
}, async (t) => {
  const server = await ApiServer.start(t);
  const kubeconfig = server.kubeconfig(t);
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const round = async () => {
    const { told, stop } = discover(t, kubeconfig, SERVICE);
    await told.until(({ sets }) => sets.length > 0);
    await until('a watch stands', () => server.watches > 0);
    server.cut();
    await stop();
  };
  for (let number = 0; number < 5; number++) await round();
  const before = descriptors();
  for (let number = 0; number < 20; number++) await round();
  await until('no connection stands', () => server.connections === 0);
  assert.ok(descriptors() <= before + 2, `${before} before, ${descriptors()} after`);
});
