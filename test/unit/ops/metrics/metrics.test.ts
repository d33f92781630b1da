import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createMetrics } from '../../../../src/ops/metrics/metrics.ts';
import { Events } from '../../../../src/proxy/events.ts';
import type { RouteStatus } from '../../../../src/proxy/status.ts';
import { Exposition } from '../../../support/exposition.ts';
import { emitRecorded, type RecordedEvent, type SettledRequest } from '../../../support/recorded-events.ts';
import { endpointStatus, routeStatus } from '../statuses.ts';

const CAUSES = [
  'ok',
  'no_endpoints',
  'timeout',
  'lost',
  'overloaded',
  'too_large',
  'reply_too_large',
  'draining',
  'internal',
];
const RESULTS = ['ok', 'unsent', 'lost', 'timeout', 'protocol', 'cancelled'];
const OUTCOMES = [...CAUSES, 'client_gone'];
const REQUEST: SettledRequest = {
  attempts: 2,
  endpoint: 'tcp://10.1.2.3:7000',
  elapsedMs: 30,
  executed: 'yes',
  requestBytes: 5,
  replyBytes: 7,
};
const ENDPOINT = 'tcp://10.1.2.3:7000';

function metricsOf(routes: () => readonly RouteStatus[], configHash = () => '0123456789ab') {
  const versions = { version: '1.2.3', nodeVersion: '26.0.0', zeromqVersion: '4.3.5' };
  const metrics = createMetrics({ routes, configHash, ...versions });
  const events = new Events((error) => {
    throw error;
  });
  metrics.observe(events);
  const { reload, text } = metrics;
  return { reload, text, record: (event: RecordedEvent) => emitRecorded(events, event) };
}

/** The sidecar's own samples: series to value. */
async function samples(metrics: { text(): Promise<string> }): Promise<Map<string, number>> {
  const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith('lazypirate_'));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

/** Requests of each route that were received and are neither settled, in flight nor queued. */
async function unaccounted(metrics: { text(): Promise<string> }, ...names: string[]): Promise<number[]> {
  // A reload is applied in one turn of the event loop.
  await setImmediate();
  const exposition = new Exposition(await metrics.text());
  return names.map((name) => exposition.unaccountedOf(new RegExp(`route="${name}"`)));
}

/** Every series but the buckets and sums of histograms. */
function expectedSeries(route: string): string[] {
  const family = (name: string, label?: string, values: string[] = []) =>
    label === undefined
      ? [`lazypirate_${name}{route="${route}"}`]
      : values.map((value) => `lazypirate_${name}{route="${route}",${label}="${value}"}`);
  return [
    ...family('requests_received_total'),
    ...family('requests_total', 'outcome', CAUSES),
    ...CAUSES.map(
      (cause) => `lazypirate_requests_total{route="${route}",outcome="client_gone",cause="${cause}"}`,
    ),
    ...family('request_duration_seconds_count', 'outcome', OUTCOMES),
    ...family('attempts_total', 'result', RESULTS),
    ...family('attempt_duration_seconds_count', 'result', RESULTS),
    ...family('retries_total', 'reason', ['unsent', 'lost', 'timeout', 'protocol', 'hedge']),
    ...family('retries_denied_total', 'reason', ['budget', 'deadline', 'policy']),
    ...family('resets_total', 'reason', ['lost', 'timeout', 'protocol', 'abandoned']),
    ...family('late_replies_total', 'fate', ['salvaged', 'discarded']),
    ...family('malformed_messages_total'),
    ...family('dropped_clients_total'),
    ...family('in_flight_requests'),
    ...family('queued_requests'),
    ...family('queued_bytes'),
    ...family('in_flight_limit'),
    ...family('retry_budget_left'),
    ...family('endpoints', 'state', ['connecting', 'up', 'down', 'ejected', 'terminating', 'standby']),
    ...family('ejections_total'),
    ...family('request_bytes_total'),
    ...family('reply_bytes_total'),
    ...family('discovery_errors_total', 'reason', ['unreachable', 'forbidden', 'not_found', 'invalid']),
  ];
}

test('every series of every configured route exists at 0 before the first event', async () => {
  const seen = await samples(metricsOf(() => [routeStatus('orders'), routeStatus('users')]));
  const constant = {
    'lazypirate_build_info{version="1.2.3",node="26.0.0",zeromq="4.3.5"}': 1,
    'lazypirate_config_info{hash="0123456789ab"}': 1,
    'lazypirate_config_reloads_total{result="success"}': 0,
    'lazypirate_config_reloads_total{result="failure"}': 0,
    lazypirate_config_last_reload_successful: 1,
    lazypirate_spans_exported_total: 0,
    'lazypirate_spans_dropped_total{reason="queue_full"}': 0,
    'lazypirate_spans_dropped_total{reason="export_failed"}': 0,
    'lazypirate_spans_dropped_total{reason="rejected"}': 0,
  };
  const zeros = [...expectedSeries('orders'), ...expectedSeries('users')].map((name) => [name, 0] as const);
  const configured = ['orders', 'users'].flatMap((name) => [
    [`lazypirate_route_timeout_seconds{route="${name}"}`, 2.5],
    [`lazypirate_route_deadline_seconds{route="${name}"}`, 10],
  ]);
  const shown = [...seen].filter(([name]) => !/_(bucket|sum)\{/.test(name));
  assert.deepEqual(Object.fromEntries(shown), {
    ...constant,
    ...Object.fromEntries(configured),
    ...Object.fromEntries(zeros),
  });
});

test('the buckets of durations go from 250 us to 10 s', async () => {
  const seen = await samples(metricsOf(() => [routeStatus('orders')]));
  const bounds = [...seen.keys()]
    .filter((name) => name.startsWith('lazypirate_attempt_duration_seconds_bucket'))
    .map((name) => /le="([^"]+)"/.exec(name)?.[1]);
  assert.equal(bounds[0], '0.00025');
  assert.deepEqual(bounds.slice(-2), ['10', '+Inf']);
});

const route = 'orders';
for (const [event, ...changed] of [
  [
    { kind: 'received', route, bytes: 42 },
    ['requests_received_total{route="orders"}', 1],
    ['request_bytes_total{route="orders"}', 42],
  ],
  [{ kind: 'malformed', route }, ['malformed_messages_total{route="orders"}', 1]],
  [{ kind: 'droppedClient', route }, ['dropped_clients_total{route="orders"}', 1]],
  [
    { kind: 'attempt', route, endpoint: ENDPOINT, result: 'lost', elapsedMs: 250 },
    ['attempts_total{route="orders",result="lost"}', 1],
    ['attempt_duration_seconds_count{route="orders",result="lost"}', 1],
    ['attempt_duration_seconds_sum{route="orders",result="lost"}', 0.25],
  ],
  [{ kind: 'retry', route, reason: 'timeout' }, ['retries_total{route="orders",reason="timeout"}', 1]],
  [
    { kind: 'retryDenied', route, reason: 'budget' },
    ['retries_denied_total{route="orders",reason="budget"}', 1],
  ],
  [
    { kind: 'reset', route, endpoint: ENDPOINT, reason: 'abandoned' },
    ['resets_total{route="orders",reason="abandoned"}', 1],
  ],
  [
    { kind: 'lateReply', route, endpoint: ENDPOINT, fate: 'salvaged' },
    ['late_replies_total{route="orders",fate="salvaged"}', 1],
  ],
  [
    { kind: 'settled', route, outcome: 'client_gone', cause: 'timeout', request: REQUEST },
    ['requests_total{route="orders",outcome="client_gone",cause="timeout"}', 1],
    ['request_duration_seconds_count{route="orders",outcome="client_gone"}', 1],
    ['request_duration_seconds_sum{route="orders",outcome="client_gone"}', 0.03],
    ['reply_bytes_total{route="orders"}', 7],
  ],
  [
    { kind: 'settled', route, outcome: 'timeout', cause: 'timeout', request: { ...REQUEST, replyBytes: 0 } },
    ['requests_total{route="orders",outcome="timeout"}', 1],
    ['request_duration_seconds_count{route="orders",outcome="timeout"}', 1],
    ['request_duration_seconds_sum{route="orders",outcome="timeout"}', 0.03],
  ],
  [{ kind: 'listening', route, address: 'tcp://127.0.0.1:5555' }],
  [{ kind: 'endpoint', route, endpoint: ENDPOINT, from: 'new', to: 'connecting', why: 'in the set' }],
] satisfies [RecordedEvent, ...[string, number][]][]) {
  test(`the event ${event.kind} changes exactly what it should`, async () => {
    const metrics = metricsOf(() => [routeStatus('orders')]);
    const before = await samples(metrics);
    metrics.record(event);
    const after = [...(await samples(metrics))].filter(([name, value]) => before.get(name) !== value);
    const expected = changed.map(([name, value]) => [`lazypirate_${name}`, value]);
    const seen = after.filter(([name]) => !name.includes('_bucket{'));
    assert.deepEqual(Object.fromEntries(seen), Object.fromEntries(expected));
  });
}

test('the gauges show what the routes are doing at the moment of the scrape', async () => {
  let routes = [
    routeStatus('orders', {
      inFlight: 2,
      answering: 1,
      queued: 1,
      unsent: 1,
      queuedBytes: 200,
      endpoints: [
        endpointStatus({ state: 'up' }),
        endpointStatus({ state: 'up' }),
        endpointStatus({ state: 'down' }),
      ],
    }),
  ];
  const metrics = metricsOf(() => routes);
  const seen = await samples(metrics);
  assert.equal(seen.get('lazypirate_in_flight_requests{route="orders"}'), 3);
  assert.equal(seen.get('lazypirate_queued_requests{route="orders"}'), 2);
  assert.equal(seen.get('lazypirate_queued_bytes{route="orders"}'), 200);
  assert.equal(seen.get('lazypirate_endpoints{route="orders",state="up"}'), 2);
  assert.equal(seen.get('lazypirate_endpoints{route="orders",state="down"}'), 1);
  assert.equal(seen.get('lazypirate_endpoints{route="orders",state="connecting"}'), 0);
  routes = [routeStatus('users', { inFlight: 1 })];
  const next = await samples(metrics);
  assert.equal(next.get('lazypirate_in_flight_requests{route="users"}'), 1);
  assert.equal(next.has('lazypirate_in_flight_requests{route="orders"}'), false);
});

test('the limit of a route is what its endpoints that are up may have in flight together', async () => {
  const endpoints = [
    endpointStatus({ state: 'up', inFlightLimit: 8 }),
    endpointStatus({ state: 'up', inFlightLimit: 3 }),
    endpointStatus({ state: 'ejected', inFlightLimit: 2 }),
    endpointStatus({ state: 'down', inFlightLimit: 8 }),
    endpointStatus({ state: 'terminating', inFlightLimit: 8 }),
  ];
  const seen = await samples(metricsOf(() => [routeStatus('orders', { endpoints })]));
  assert.equal(seen.get('lazypirate_in_flight_limit{route="orders"}'), 11);
});

test('the deadline, the timeout and the budget are those of the route that stays, where another of its name leaves', async () => {
  const leaving = routeStatus('orders', { retriesLeft: 1 });
  const { requests } = leaving.settings;
  const retry = { ...requests.retry, timeoutMs: 100, deadlineMs: 450 };
  const settings = { ...leaving.settings, requests: { ...requests, retry } };
  const staying = routeStatus('orders', { retriesLeft: 7, settings });
  const seen = await samples(metricsOf(() => [staying, leaving]));
  assert.equal(seen.get('lazypirate_route_timeout_seconds{route="orders"}'), 0.1);
  assert.equal(seen.get('lazypirate_route_deadline_seconds{route="orders"}'), 0.45);
  assert.equal(seen.get('lazypirate_retry_budget_left{route="orders"}'), 7);
});

test('while two routes have the same name, because one of them is leaving, the gauges show their sum', async () => {
  const endpoints = [endpointStatus({ state: 'up' })];
  const both = [routeStatus('orders', { inFlight: 3, endpoints }), routeStatus('orders', { queued: 2 })];
  const seen = await samples(metricsOf(() => both));
  assert.equal(seen.get('lazypirate_in_flight_requests{route="orders"}'), 3);
  assert.equal(seen.get('lazypirate_queued_requests{route="orders"}'), 2);
  assert.equal(seen.get('lazypirate_endpoints{route="orders",state="up"}'), 1);
});

test('what happens to a route before its first scrape is counted', async () => {
  const metrics = metricsOf(() => [routeStatus('late')]);
  metrics.record({ kind: 'received', route: 'late', bytes: 1 });
  const seen = await samples(metrics);
  assert.equal(seen.get('lazypirate_request_bytes_total{route="late"}'), 1);
  assert.equal(seen.get('lazypirate_requests_total{route="late",outcome="timeout"}'), 0);
});

test('reloads are counted by result, and the last one sets the success gauge', async () => {
  const metrics = metricsOf(() => []);
  metrics.reload('failure');
  const refused = await samples(metrics);
  assert.equal(refused.get('lazypirate_config_reloads_total{result="failure"}'), 1);
  assert.equal(refused.get('lazypirate_config_last_reload_successful'), 0);
  metrics.reload('success');
  const applied = await samples(metrics);
  assert.equal(applied.get('lazypirate_config_reloads_total{result="success"}'), 1);
  assert.equal(applied.get('lazypirate_config_last_reload_successful'), 1);
});

test('discovery reports when it last knew the set, and the reasons of failures', async () => {
  const at = (syncedMs: number | undefined) =>
    ({ isFixed: false, state: 'live', syncedMs, why: undefined, failure: undefined }) as const;
  const metrics = metricsOf(() => [
    routeStatus('never', { discovery: at(undefined) }),
    routeStatus('orders', { discovery: at(60_000) }),
    // One of that name that leaves.
    routeStatus('orders', { discovery: at(900_000) }),
    routeStatus('fixed'),
  ]);
  metrics.record({
    kind: 'discoveryFailed',
    route: 'orders',
    reason: 'forbidden',
    message: 'no',
    isFirst: false,
    isNew: true,
  });
  const beforeMs = Date.now();
  const seen = await samples(metrics);
  const of = (route: string) =>
    seen.get(`lazypirate_discovery_last_sync_timestamp_seconds{route="${route}"}`);
  const [least, most] = [beforeMs - 60_000, Date.now() - 60_000].map((ms) => Math.round(ms / 1_000));
  const syncedS = of('orders') ?? 0;
  assert.ok(syncedS >= (least ?? 0) && syncedS <= (most ?? 0), `${least} ${syncedS} ${most}`);
  assert.equal(of('never'), 0);
  assert.equal(of('fixed'), undefined, 'nothing to discover');
  assert.equal(seen.get('lazypirate_discovery_errors_total{route="orders",reason="forbidden"}'), 1);
});

test('the series of a removed route disappear, and start at 0 when it is back', async () => {
  let names = ['orders', 'users'];
  const metrics = metricsOf(() => names.map((name) => routeStatus(name)));
  const before = await samples(metrics);
  for (let i = 0; i < 100; i++) {
    names = ['users', `renamed-${i}`];
    for (const route of names) metrics.record({ kind: 'received', route, bytes: 1 });
    metrics.reload('success');
    if (i % 2 === 0) await metrics.text();
  }
  names = ['users', 'orders'];
  // The last that is heard of a route may come when it is gone already.
  metrics.record({ kind: 'settled', route: 'renamed-99', outcome: 'ok', cause: 'ok', request: REQUEST });
  const after = await samples(metrics);
  assert.deepEqual([...after.keys()].toSorted(), [...before.keys()].toSorted());
  assert.equal(after.get('lazypirate_requests_received_total{route="users"}'), 100);
  assert.equal(after.get('lazypirate_requests_received_total{route="orders"}'), 0);
});

test('every request received is accounted for if two routes swap their names, and if a new route takes an old name', async () => {
  let routes = [routeStatus('orders', { inFlight: 2 }), routeStatus('users', { queued: 1 })];
  const metrics = metricsOf(() => routes);
  const happen = (kind: 'received' | 'settled', ...names: string[]) => {
    for (const route of names) {
      if (kind === 'received') metrics.record({ kind, route, bytes: 1 });
      else metrics.record({ kind, route, outcome: 'ok', cause: 'ok', request: REQUEST });
    }
  };
  happen('received', 'orders', 'orders', 'users');
  assert.deepEqual(await unaccounted(metrics, 'orders', 'users'), [0, 0]);
  // While a reload is applied, a request may come or end between the two.
  metrics.record({ kind: 'renamed', was: 'orders', route: 'users' });
  happen('settled', 'users');
  metrics.record({ kind: 'renamed', was: 'users', route: 'orders' });
  routes = [routeStatus('users', { inFlight: 1 }), routeStatus('orders', { queued: 1 })];
  assert.deepEqual(await unaccounted(metrics, 'orders', 'users'), [0, 0], 'swapped');
  metrics.record({ kind: 'renamed', was: 'users', route: 'prices' });
  routes = [
    routeStatus('prices', { inFlight: 1 }),
    routeStatus('orders', { queued: 1 }),
    routeStatus('users'),
  ];
  assert.deepEqual(await unaccounted(metrics, 'prices', 'orders', 'users'), [0, 0, 0], 'taken');
  routes = routes.map(({ settings }) => routeStatus(settings.name));
  happen('settled', 'prices', 'orders');
  assert.deepEqual(await unaccounted(metrics, 'prices', 'orders', 'users'), [0, 0, 0], 'settled');
});

test('a hundred scrapes at once get the same text and read the routes once', async () => {
  let asked = 0;
  const metrics = metricsOf(() => {
    asked++;
    return [routeStatus('orders')];
  });
  const texts = await Promise.all(Array.from({ length: 100 }, () => metrics.text()));
  assert.equal(new Set(texts).size, 1);
  assert.equal(asked, 1);
  await metrics.text();
  assert.equal(asked, 2);
});

test('a scrape that fails does not spoil the next', async () => {
  let isBroken = true;
  const metrics = metricsOf(() => {
    if (isBroken) throw new Error('not now');
    return [routeStatus('orders')];
  });
  await assert.rejects(metrics.text(), { message: 'not now' });
  isBroken = false;
  assert.match(await metrics.text(), /lazypirate_in_flight_requests\{route="orders"\} 0/);
});

test('the default metrics of the process are there', async () => {
  const text = await metricsOf(() => []).text();
  assert.match(text, /^process_resident_memory_bytes \d+$/m);
  assert.match(text, /^nodejs_eventloop_lag_p99_seconds /m);
});

test('promtool finds nothing wrong with the metrics of the sidecar', async (t) => {
  const metrics = metricsOf(() => [routeStatus('orders', { endpoints: [endpointStatus()] })]);
  metrics.record({ kind: 'settled', route: 'orders', outcome: 'ok', cause: 'ok', request: REQUEST });
  metrics.record({ kind: 'attempt', route: 'orders', endpoint: ENDPOINT, result: 'ok', elapsedMs: 12 });
  const input = await metrics.text();
  const checked = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
  if (checked.error) return t.skip(`promtool could not be run: ${checked.error.message}`);
  const complaints = `${checked.stdout}${checked.stderr}`.split('\n').filter((line) => line !== '');
  // Two of Node's default gauges end in _total, which it takes for bad style (exit code 3); a parse error exits with 1.
  assert.deepEqual(
    complaints.filter((line) => !line.startsWith('nodejs_')),
    [],
  );
  assert.notEqual(checked.status, 1);
});

test('the hash of the configuration in force is on one series, which changes with it', async () => {
  let hash = 'aaaaaaaaaaaa';
  const metrics = metricsOf(
    () => [],
    () => hash,
  );
  const shown = async () =>
    [...(await samples(metrics))].filter(([series]) => series.startsWith('lazypirate_config_info'));
  assert.deepEqual(await shown(), [['lazypirate_config_info{hash="aaaaaaaaaaaa"}', 1]]);
  hash = 'bbbbbbbbbbbb';
  assert.deepEqual(await shown(), [['lazypirate_config_info{hash="bbbbbbbbbbbb"}', 1]]);
});
