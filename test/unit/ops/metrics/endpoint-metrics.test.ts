import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from '../../../../src/ops/metrics/metrics.ts';
import {
  type EventKind,
  Events,
  type ObservedAttempt,
  type ObservedEndpoint,
  type ProxyEvents,
} from '../../../../src/proxy/events.ts';
import type { RouteStatus } from '../../../../src/proxy/status.ts';
import { endpointStatus, routeStatus } from '../statuses.ts';

const ADDRESS = 'tcp://10.1.2.3:7000';

/** Events that know how many observers they have. */
class CountedEvents extends Events {
  observers = 0;

  override on<K extends EventKind>(kind: K, observe: (event: ProxyEvents[K]) => void): () => void {
    this.observers++;
    const leave = super.on(kind, observe);
    return () => {
      this.observers--;
      leave();
    };
  }
}

function start(isShown = true) {
  const events = new CountedEvents((error) => {
    throw error;
  });
  /** An endpoint is one object for all of its attempts. */
  const known = new Map<string, ObservedEndpoint>();
  const upstream = { routes: [] as RouteStatus[] };
  const metrics = createMetrics({
    routes: () => upstream.routes,
    version: '1',
    nodeVersion: '26',
    zeromqVersion: '4',
    configHash: () => 'abc',
  });
  metrics.observe(events);
  metrics.showEndpoints(isShown);
  return {
    events,
    metrics,
    show: (...routes: RouteStatus[]) => {
      upstream.routes = routes;
    },
    attempt: (result: 'ok' | 'timeout', route = 'orders', address = ADDRESS) => {
      const endpoint = known.get(address) ?? { address };
      known.set(address, endpoint);
      const attempt = { request: { route }, endpoint, result, sentMs: 0, endedMs: 5 };
      events.emit('attempt', attempt as unknown as ObservedAttempt);
    },
    gone: (address: string, pod?: string) =>
      events.emit('endpoint', {
        route: 'orders',
        endpoint: { address, ...(pod !== undefined && { pod }) },
        from: 'terminating',
        to: 'gone',
        why: 'no longer in the set',
      }),
    series: async () => {
      const lines = (await metrics.text()).split('\n').filter((line) => /^lazypirate_endpoint_/.test(line));
      return Object.fromEntries(
        lines.map((line) => [
          line.slice(20, line.lastIndexOf(' ')),
          Number(line.slice(line.lastIndexOf(' '))),
        ]),
      );
    },
  };
}

test('each endpoint has series by pod and address, as it is at the scrape', async () => {
  const { show, series } = start();
  const pod = { address: ADDRESS, pod: 'orders-1', node: 'node-7', zone: 'north' };
  show(
    routeStatus('orders', {
      endpoints: [
        endpointStatus({ ...pod, state: 'up', inFlight: 3, inFlightLimit: 5, latencyMs: 12.5 }),
        endpointStatus({ address: 'tcp://10.1.2.4:7000', state: 'ejected' }),
      ],
    }),
  );
  const one = `route="orders",upstream_pod="orders-1",address="${ADDRESS}"`;
  const other = 'route="orders",address="tcp://10.1.2.4:7000"';
  const zeros = (labels: string) =>
    ['ok', 'unsent', 'lost', 'timeout', 'protocol', 'cancelled'].map((result) => [
      `attempts_total{${labels},result="${result}"}`,
      0,
    ]);
  assert.deepEqual(await series(), {
    ...Object.fromEntries([...zeros(one), ...zeros(other)]),
    [`in_flight_attempts{${one}}`]: 3,
    [`in_flight_attempts{${other}}`]: 0,
    [`in_flight_limit{${one}}`]: 5,
    [`in_flight_limit{${other}}`]: 8,
    [`up{${one}}`]: 1,
    [`up{${other}}`]: 0,
    [`ejected{${one}}`]: 0,
    [`ejected{${other}}`]: 1,
    [`latency_seconds{${one}}`]: 0.0125,
  });
});

test('attempts are counted by endpoint and result, also those of a route that gets another name', async () => {
  const { show, attempt, series } = start();
  const endpoints = [endpointStatus({ address: ADDRESS })];
  attempt('ok');
  attempt('ok');
  attempt('timeout');
  show(routeStatus('orders', { endpoints }));
  const before = await series();
  assert.equal(before[`attempts_total{route="orders",address="${ADDRESS}",result="ok"}`], 2);
  assert.equal(before[`attempts_total{route="orders",address="${ADDRESS}",result="timeout"}`], 1);
  attempt('ok', 'renamed');
  show(routeStatus('renamed', { endpoints }));
  const after = await series();
  assert.equal(after[`attempts_total{route="renamed",address="${ADDRESS}",result="ok"}`], 1);
  assert.ok(Object.keys(after).every((name) => name.includes('route="renamed"')));
});

test('a hundred endpoints come and go, and the series are those of before', async () => {
  const { show, attempt, gone, series, metrics } = start();
  const stays = endpointStatus({ address: ADDRESS });
  attempt('ok');
  show(routeStatus('orders', { endpoints: [stays] }));
  const before = await series();
  for (let i = 0; i < 100; i++) {
    const [address, pod] = [`tcp://10.2.0.${i}:7000`, `orders-${i}`];
    attempt('ok', 'orders', address);
    show(routeStatus('orders', { endpoints: [stays, endpointStatus({ address, pod })] }));
    if (i % 2 === 0) assert.equal(Object.keys(await series()).length, 2 * Object.keys(before).length);
    gone(address, pod);
  }
  show(routeStatus('orders', { endpoints: [stays] }));
  assert.deepEqual(await series(), before);
  metrics.reload('success');
  assert.deepEqual(await series(), before);
});

test('an endpoint that comes back begins at 0, and what it does then is counted', async () => {
  const { show, attempt, gone, series } = start();
  const orders = routeStatus('orders', { endpoints: [endpointStatus({ address: ADDRESS })] });
  const name = `attempts_total{route="orders",address="${ADDRESS}",result="ok"}`;
  for (const isScraped of [true, false]) {
    attempt('ok');
    attempt('ok');
    show(orders);
    if (isScraped) assert.equal((await series())[name], 2);
    show(routeStatus('orders'));
    // A scrape that does not find it is enough, and so is the event.
    if (isScraped) assert.deepEqual(await series(), {});
    else gone(ADDRESS);
    attempt('ok');
    show(orders);
    assert.equal((await series())[name], 1);
    gone(ADDRESS);
  }
});

test('what was lost with the last connection to an endpoint that is gone leaves nothing behind', async () => {
  const { events, show, attempt, series } = start();
  const endpoint: ObservedEndpoint = { address: ADDRESS };
  const last = { request: { route: 'orders' }, endpoint, result: 'lost', sentMs: 0, endedMs: 5 };
  const why = 'no longer in the set';
  events.emit('endpoint', { route: 'orders', endpoint, from: 'terminating', to: 'gone', why });
  events.emit('attempt', last as unknown as ObservedAttempt);
  // It comes back before any scrape.
  attempt('ok');
  show(routeStatus('orders', { endpoints: [endpointStatus({ address: ADDRESS })] }));
  const seen = await series();
  const of = (result: string) =>
    seen[`attempts_total{route="orders",address="${ADDRESS}",result="${result}"}`];
  assert.deepEqual([of('ok'), of('lost')], [1, 0]);
});

test('an endpoint that two upstreams of a route have is there once, with what is in flight at both', async () => {
  const { show, series } = start();
  const leaving = endpointStatus({ address: ADDRESS, state: 'terminating', inFlight: 2 });
  const stays = endpointStatus({ address: ADDRESS, state: 'up', inFlight: 3 });
  show(routeStatus('orders', { endpoints: [stays] }), routeStatus('orders', { endpoints: [leaving] }));
  const seen = await series();
  assert.equal(seen[`in_flight_attempts{route="orders",address="${ADDRESS}"}`], 5);
  assert.equal(seen[`up{route="orders",address="${ADDRESS}"}`], 1);
});

test('without metrics.perEndpoint nothing more is observed, and there is no trace of it', async () => {
  const { events, metrics, show, series } = start(false);
  const usual = events.observers;
  show(routeStatus('orders', { endpoints: [endpointStatus({ address: ADDRESS })] }));
  assert.ok(!(await metrics.text()).includes('lazypirate_endpoint_'));
  metrics.showEndpoints(true);
  metrics.showEndpoints(true);
  assert.equal(events.observers, usual + 2);
  assert.equal(Object.keys(await series()).length, 10);
  metrics.showEndpoints(false);
  assert.equal(events.observers, usual);
  assert.ok(!(await metrics.text()).includes('lazypirate_endpoint_'));
});
