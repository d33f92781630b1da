import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { mock, type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { ApiServer, slice } from '../support/api-server.ts';
import { discover } from '../support/cluster.ts';
import { ManInTheMiddle } from '../support/man-in-the-middle.ts';
import type { Told } from '../support/told.ts';
import { until } from '../support/until.ts';

/* Servers and connections that say nothing. The time limits are reached by a clock of the test. */

const SERVICE = { kind: 'service', name: 'orders' } as const;
const ONE = 'tcp://10.1.0.1:7000';
const TWO = 'tcp://10.1.0.2:7000';
const WATCH = 'watch endpointslices';

// For the whole file: what one test leaves behind clears its timers during the next, and may take only its own.
mock.timers.enable({ apis: ['setTimeout'] });

/** A server with one endpoint. */
async function start(t: TestContext): Promise<ApiServer> {
  const server = await ApiServer.start(t);
  server.put('endpointslices', slice('orders-a', [{ ip: '10.1.0.1' }]));
  return server;
}

/** A relay in front of the server, and a kubeconfig that leads there. */
async function relayed(t: TestContext, server: ApiServer, isPublic: boolean) {
  const relay = await ManInTheMiddle.start(server.listener.url);
  t.after(() => relay.close());
  const kubeconfig = server.kubeconfig(t);
  const config = JSON.parse(readFileSync(kubeconfig, 'utf8'));
  const { cluster } = config.clusters[0];
  cluster.server = relay.address.replace('tcp:', 'https:');
  if (isPublic) delete cluster['certificate-authority-data'];
  writeFileSync(kubeconfig, JSON.stringify(config));
  return { relay, kubeconfig };
}

/** Its watch is open for discovery too, not only for the server. */
async function watching(server: ApiServer, told: Told): Promise<void> {
  await until('a watch stands', () => server.watches > 0);
  await bookmark(server, told);
}

async function bookmark(server: ApiServer, told: Told): Promise<void> {
  const before = told.confirmations;
  server.bookmark();
  await told.until(({ confirmations }) => confirmations > before);
}

/** As if an authority that every machine knows had signed its certificate. */
function trustEverywhere(t: TestContext, server: ApiServer): void {
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, server.listener.certificate ?? '']);
  t.after(() => setDefaultCACertificates(before));
}

for (const isPublic of [false, true]) {
  const whose = isPublic ? 'that everybody trusts' : 'with an authority of its own';
  test(`a dead connection to a server ${whose}: the watch is restarted over another one`, async (t) => {
    const server = await start(t);
    if (isPublic) trustEverywhere(t, server);
    const { relay, kubeconfig } = await relayed(t, server, isPublic);
    const { told } = discover(t, kubeconfig, SERVICE);
    await told.untilSet(ONE);
    await watching(server, told);
    relay.halt();
    // New connections are let through.
    relay.isHalted = false;
    server.put('endpointslices', slice('orders-a', [{ ip: '10.1.0.2' }]));
    mock.timers.tick(90_000);
    await until('the change is told', () => {
      // A change waits some time for others, by this clock; and `until` looks more and more rarely.
      mock.timers.tick(10);
      return told.last?.[0] === TWO;
    });
    assert.deepEqual(told.failures, []);
    assert.ok(server.requests.every(({ httpVersion }) => httpVersion === '2.0'));
  });
}

test('a watch that is not answered within 15 s has failed', async (t) => {
  const server = await start(t);
  server.fault = { watch: 'hang' };
  const { told } = discover(t, server.kubeconfig(t), SERVICE);
  await until('a watch is asked for', () => server.count(WATCH) > 0);
  mock.timers.tick(14_999);
  await setImmediate();
  assert.equal(told.failures.length, 0);
  mock.timers.tick(1);
  await until('it is told', () => told.failures.length > 0);
  assert.equal(told.failures[0]?.reason, 'unreachable');
  assert.match(told.failures[0]?.message ?? '', /no answer within 15s/);
  server.fault = {};
  await until('a watch stands', () => server.watches > 0);
});

test('a watch that is silent for 90 s is restarted without a list, and is not a failure', async (t) => {
  const server = await start(t);
  const { told } = discover(t, server.kubeconfig(t), SERVICE);
  await watching(server, told);
  mock.timers.tick(89_999);
  await bookmark(server, told);
  mock.timers.tick(89_999);
  await setImmediate();
  assert.equal(server.watches, 1);
  mock.timers.tick(1);
  await until('another watch is asked for', () => server.count(WATCH) === 2);
  assert.equal(server.count('list endpointslices'), 1);
  assert.deepEqual(told.failures, []);
});
