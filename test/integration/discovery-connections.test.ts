import assert from 'node:assert/strict';
import { constants as http2 } from 'node:http2';
import { test } from 'node:test';
import type { Protocol } from '../support/api-listener.ts';
import { ApiServer, slice } from '../support/api-server.ts';
import { discover } from '../support/cluster.ts';
import { until } from '../support/until.ts';

/* What happens to connections and streams. */

const SERVICE = { kind: 'service', name: 'orders' } as const;
const ONE = 'tcp://10.1.0.1:7000';
const TWO = 'tcp://10.1.0.2:7000';

/** A server with one endpoint, and a discovery that has found it and watches. */
async function start(t: Parameters<typeof ApiServer.start>[0], protocol: Protocol = 'h2') {
  const server = await ApiServer.start(t, { protocol });
  server.put('endpointslices', slice('orders-a', [{ ip: '10.1.0.1' }]));
  const { told } = discover(t, server.kubeconfig(t), SERVICE);
  await told.untilSet(ONE);
  await until('a watch stands', () => server.watches > 0);
  const change = () => server.put('endpointslices', slice('orders-a', [{ ip: '10.1.0.2' }]));
  return { server, told, change };
}

/** The fault that is there is told of and costs nothing: the last good set stays until it is over, and then the new one comes. */
async function isSatOut({ server, told, change }: Awaited<ReturnType<typeof start>>): Promise<void> {
  await told.until(({ failures }) => failures.length >= 2);
  assert.ok(told.failures.every(({ reason }) => reason === 'unreachable'));
  change();
  assert.deepEqual(told.last, [ONE]);
  server.fault = {};
  await told.untilSet(TWO);
}

for (const [protocol, httpVersion] of [
  ['h2', '2.0'],
  ['http/1.1', '1.1'],
  ['plain', '1.1'],
] as const) {
  test(`${protocol}: lists and watches use it, and recover from cut connections`, async (t) => {
    const { server, told, change } = await start(t, protocol);
    server.endWatches();
    await until('the watch is resumed', () => server.watches > 0);
    assert.deepEqual(told.failures, []);
    server.fault = { list: 'cut', watch: 'cut' };
    server.cut();
    await isSatOut({ server, told, change });
    assert.deepEqual(new Set(server.requests.map((one) => one.httpVersion)), new Set([httpVersion]));
  });
}

for (const code of ['NO_ERROR', 'INTERNAL_ERROR', 'REFUSED_STREAM'] as const) {
  test(`a watch whose stream is reset with ${code}: the last good set stays, and it recovers`, async (t) => {
    const { server, told, change } = await start(t);
    server.resetWatches(http2[`NGHTTP2_${code}`]);
    change();
    await told.untilSet(TWO);
    assert.deepEqual(told.sets[0], [ONE]);
    assert.ok(told.failures.every(({ reason }) => reason === 'unreachable'));
  });

  test(`connections that end with GOAWAY for ${code}: the last good set stays, and it recovers`, async (t) => {
    const { server, told, change } = await start(t);
    server.listener.abandon(http2[`NGHTTP2_${code}`]);
    change();
    await told.untilSet(TWO);
    assert.deepEqual(told.sets[0], [ONE]);
    assert.ok(told.failures.every(({ reason }) => reason === 'unreachable'));
  });
}

test('a GOAWAY that allows the watch to continue: it continues, and is resumed without a list', async (t) => {
  const { server, told, change } = await start(t);
  server.listener.leave();
  change();
  await told.untilSet(TWO);
  assert.equal(server.count('watch endpointslices'), 1);
  server.endWatches();
  await until('the watch is resumed', () => server.watches > 0);
  assert.deepEqual(
    server.requests.map(({ what }) => what),
    ['list endpointslices', 'watch endpointslices', 'watch endpointslices'],
  );
  assert.deepEqual(told.failures, []);
});

test('a server that sends GOAWAY on each new connection is reported, and discovery recovers', async (t) => {
  const { server, told, change } = await start(t);
  server.listener.isLeaving = true;
  server.cut();
  await told.until(({ failures }) => failures.some(({ message }) => message.includes('GOAWAY')));
  assert.ok(told.failures.every(({ reason }) => reason === 'unreachable'));
  change();
  assert.deepEqual(told.last, [ONE]);
  server.listener.isLeaving = false;
  await told.untilSet(TWO);
});

test('lists and watches whose stream is reset: the last good set stays, and it recovers', async (t) => {
  const { server, told, change } = await start(t);
  server.fault = { list: 'reset', watch: 'reset' };
  server.endWatches();
  await isSatOut({ server, told, change });
});
