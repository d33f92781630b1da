import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderStatus } from '../../../src/ops/status-page.ts';
import { endpointStatus, routeStatus } from './statuses.ts';

const SIDECAR = { version: '1.2.3', uptimeMs: 1_500.7, isDraining: false, refusedReload: undefined };

test('the status shows what each route and each endpoint is doing, and under which policy', () => {
  const endpoint = endpointStatus({
    state: 'ejected',
    sinceMs: 12.6,
    why: '5 failures in a row',
    latencyMs: 1.23456,
    nextProbeMs: 800.4,
  });
  const route = routeStatus('orders', {
    listening: 'tcp://127.0.0.1:5555',
    queued: 3,
    queuedBytes: 300,
    inFlight: 2,
    endpoints: [endpoint],
    standby: 7,
    discovery: { isFixed: false, state: 'lost', syncedMs: 1_499.7, why: 'no answer' },
  });
  const page = renderStatus({ ...SIDECAR, routes: [route] });
  assert.equal(page.at(-1), '\n');
  const { retry, budget, limits, subset, ejection, connection } = route.settings;
  assert.deepEqual(JSON.parse(page), {
    version: '1.2.3',
    uptimeMs: 1_501,
    draining: false,
    refusedReload: null,
    routes: [
      {
        name: 'orders',
        transport: 'zmtp',
        listen: 'tcp://127.0.0.1:0',
        listening: 'tcp://127.0.0.1:5555',
        queued: 3,
        queuedBytes: 300,
        inFlight: 2,
        policy: {
          correlate: false,
          retry: { ...retry, hedgeMs: null },
          budget,
          limits,
          subset,
          ejection,
          connection: { connectTimeoutMs: 500, handshakeTimeoutMs: 15_000 },
          heartbeat: connection.heartbeat,
          failureReply: 'json',
        },
        discovery: { state: 'lost', syncedMs: 1_500, why: 'no answer' },
        standby: 7,
        endpoints: [
          {
            address: 'tcp://10.1.2.3:7000',
            state: 'ejected',
            why: '5 failures in a row',
            sinceMs: 13,
            inFlight: 0,
            inFlightLimit: 8,
            lanes: 1,
            latencyMs: 1.235,
            lastEvent: 'none',
            nextProbeMs: 800,
          },
        ],
      },
    ],
  });
});

test('unknown values are null, not missing', () => {
  const route = routeStatus('orders', { endpoints: [endpointStatus()] });
  const [shown] = JSON.parse(renderStatus({ ...SIDECAR, routes: [route] })).routes;
  assert.equal(shown.listening, null);
  assert.equal(shown.endpoints[0].latencyMs, null);
});

test('a refused reload is shown, with time and reason', () => {
  const refusedReload = {
    at: new Date(1_700_000_000_000),
    problems: ['routes: must be a list', 'log: unknown'],
  };
  assert.deepEqual(JSON.parse(renderStatus({ ...SIDECAR, refusedReload, routes: [] })).refusedReload, {
    at: '2023-11-14T22:13:20.000Z',
    problems: ['routes: must be a list', 'log: unknown'],
  });
});

test('a drain is shown', () => {
  assert.equal(JSON.parse(renderStatus({ ...SIDECAR, isDraining: true, routes: [] })).draining, true);
});

test('neither the body of a static failure reply nor an unlisted setting is shown', () => {
  const route = routeStatus('orders');
  const curve = { serverKey: 'theirs', publicKey: 'ours', secretKey: 'very-secret' };
  const settings = {
    ...route.settings,
    failureReply: { format: 'static' as const, body: Buffer.from('body-of-ours') },
    connection: { ...route.settings.connection, curve },
  };
  const page = renderStatus({ ...SIDECAR, routes: [{ ...route, settings }] });
  assert.equal(JSON.parse(page).routes[0].policy.failureReply, 'static');
  assert.doesNotMatch(page, /very-secret|body-of-ours|"type": "Buffer"/);
});
