import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderStatus } from '../../../src/ops/status-page.ts';
import {
  endpointStatus,
  processStatus,
  routeFigures,
  routeRecent,
  routeStatus,
  routeTotals,
  sidecarStatus,
} from './statuses.ts';

const SIDECAR = sidecarStatus({
  uptimeMs: 1_500.7,
  process: processStatus({ eventLoop: { busy: 0.12345, lateMs: 1.6 } }),
});

test('the status shows what each route and each endpoint is doing, and under which policy', () => {
  const endpoint = endpointStatus({
    pod: 'orders-1',
    node: 'worker-2',
    zone: 'b',
    state: 'ejected',
    sinceMs: 12.6,
    trouble: { kind: 'no_reply', what: '5 failures in a row', means: ['no reply in time'] },
    latencyMs: 1.23456,
    failuresInARow: 5,
    nextProbeMs: 800.4,
  });
  const route = routeStatus('orders', {
    listening: 'tcp://127.0.0.1:5555',
    queued: 3,
    queuedBytes: 300,
    inFlight: 2,
    endpoints: [endpoint],
    standby: 7,
    discovery: {
      isFixed: false,
      state: 'lost',
      syncedMs: 1_499.7,
      why: 'no answer',
      failure: { reason: 'unreachable', source: 'api_server', isRefused: false, sinceMs: 900.6 },
    },
  });
  const figures = routeFigures({
    totals: routeTotals({ received: 5 }),
    recent: routeRecent({ seconds: 12.34, received: 4, p50Ms: 1.23456 }),
    endpoint: () => ({ answered: 3, unanswered: 1 }),
  });
  const refused = {
    ...({ kind: 'speaks_http', why: 'it speaks HTTP', count: 2 } as const),
    ...{ at: new Date(1_700_000_000_000), address: undefined },
  };
  const page = renderStatus({
    ...SIDECAR,
    routes: [route],
    figuresOf: () => figures,
    refusedClientsOf: () => [refused],
  });
  assert.equal(page.at(-1), '\n');
  const { upstream, endpoints, requests } = route.settings;
  const { retry, budget } = requests;
  assert.deepEqual(JSON.parse(page), {
    at: '2026-11-27T12:10:00.000Z',
    version: '1.2.3',
    pod: 'shop-1',
    namespace: 'shop',
    startedAt: '2023-11-14T22:13:20.000Z',
    uptimeMs: 1_501,
    draining: false,
    config: {
      hash: '0123456789ab',
      source: '/etc/lazypirate/config.yaml',
      loadedAt: '2023-11-14T22:13:20.000Z',
    },
    refusedReload: null,
    log: { level: 'info', sample: 0, slowMs: null, until: null },
    process: {
      descriptors: { open: 30, most: 1_000 },
      eventLoop: { busy: 0.123, lateMs: 2 },
      throttled: null,
    },
    routes: [
      {
        name: 'orders',
        transport: 'zmtp',
        listen: 'tcp://127.0.0.1:0',
        listening: 'tcp://127.0.0.1:5555',
        queued: 3,
        queuedBytes: 300,
        inFlight: 2,
        totals: { ...routeTotals(), received: 5, unaccounted: 0 },
        recent: {
          ...{ ...routeTotals(), seconds: 12.3, received: 4, p50Ms: 1.235, p99Ms: null },
          ...{ replyP50Ms: null, replyP99Ms: null, goneP50Ms: null },
        },
        latest: {
          ...{ ...routeTotals(), seconds: 60, p50Ms: null, p99Ms: null },
          ...{ replyP50Ms: null, replyP99Ms: null, goneP50Ms: null },
        },
        refusedClients: [
          {
            ...{ kind: 'speaks_http', why: 'it speaks HTTP', count: 2 },
            ...{ at: '2023-11-14T22:13:20.000Z', address: null },
          },
        ],
        policy: {
          correlate: false,
          retry: { ...retry, hedgeMs: null },
          budget,
          limits: {
            inFlight: 256,
            inFlightBytes: 268_435_456,
            inFlightPerEndpoint: { plain: 8, correlated: 64 },
            adaptive: true,
            inFlightPerClient: 1,
            queue: 1_024,
            queueBytes: 67_108_864,
            messageBytes: 16_777_216,
            connections: 4_096,
          },
          subset: 64,
          ejection: endpoints.ejection,
          connection: { connectTimeoutMs: 500, handshakeTimeoutMs: 15_000 },
          heartbeat: upstream.connection.heartbeat,
          failureReply: 'json',
        },
        discovery: {
          fixed: false,
          state: 'lost',
          syncedMs: 1_500,
          why: 'no answer',
          empty: null,
          failure: { reason: 'unreachable', source: 'api_server', isRefused: false, sinceMs: 901 },
        },
        standby: 7,
        endpoints: [
          {
            address: 'tcp://10.1.2.3:7000',
            pod: 'orders-1',
            node: 'worker-2',
            zone: 'b',
            state: 'ejected',
            why: '5 failures in a row: no reply in time',
            trouble: { kind: 'no_reply', what: '5 failures in a row', means: ['no reply in time'] },
            newest: null,
            sinceMs: 13,
            inFlight: 0,
            inFlightLimit: 8,
            lanes: 1,
            latencyMs: 1.235,
            failuresInARow: 5,
            lastEvent: 'none',
            nextProbeMs: 800,
            recent: { answered: 3, unanswered: 1 },
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
  const [{ latencyMs, pod, node, zone }] = shown.endpoints;
  assert.deepEqual([latencyMs, pod, node, zone], [null, null, null, null]);
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
    requests: {
      ...route.settings.requests,
      failureReply: { format: 'static' as const, body: Buffer.from('body-of-ours') },
    },
    upstream: {
      ...route.settings.upstream,
      connection: { ...route.settings.upstream.connection, curve },
    },
  };
  const page = renderStatus({ ...SIDECAR, routes: [{ ...route, settings }] });
  assert.equal(JSON.parse(page).routes[0].policy.failureReply, 'static');
  assert.doesNotMatch(page, /very-secret|body-of-ours|"type": "Buffer"/);
});

test('a request that is neither settled nor held is unaccounted for, and a namesake that leaves holds some too', () => {
  const outcomes = { ...routeTotals().outcomes, ok: 5, client_gone: 1 };
  const figuresOf = () => routeFigures({ totals: routeTotals({ received: 12, outcomes }) });
  const routes = [
    routeStatus('orders', { queued: 1, inFlight: 1, answering: 1, unsent: 1 }),
    routeStatus('orders', { inFlight: 1 }),
    routeStatus('users', { inFlight: 7 }),
  ];
  const page = JSON.parse(renderStatus({ ...SIDECAR, routes, figuresOf }));
  assert.equal(page.routes[0].totals.unaccounted, 1);
});
