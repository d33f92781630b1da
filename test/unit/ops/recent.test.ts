import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Recent } from '../../../src/ops/recent.ts';
import { quantile, type RouteCounts } from '../../../src/ops/route-counts.ts';
import { endpointStatus, routeCounts, routeStatus, routeTotals } from './statuses.ts';

const EVERY_MS = 5_000;

/** A route whose counts a test changes, on a clock that it moves. */
function start() {
  const world = {
    nowMs: 1_000,
    routes: [routeStatus('orders')],
    counts: routeCounts(),
    /** Lets so many intervals pass, and counts this in each of them. */
    pass(intervals: number, each: (counts: RouteCounts) => void = () => undefined) {
      for (let left = intervals; left > 0; left--) {
        each(world.counts);
        world.nowMs += EVERY_MS;
        recent.take();
      }
    },
    of: (name = 'orders') => recent.of(routeStatus(name, { endpoints: world.routes[0]?.endpoints ?? [] })),
  };
  const recent = new Recent({
    routes: () => world.routes,
    counts: () => structuredClone(world.counts),
    bounds: [0.001, 0.01, 0.1],
    now: () => world.nowMs,
  });
  return world;
}

test('in the first minute of life, it says over how many seconds it has counted', () => {
  const world = start();
  world.counts.received = 3;
  world.nowMs += 2_500;
  const { recent, latest, totals } = world.of();
  assert.deepEqual([recent.seconds, recent.received], [2.5, 3]);
  assert.deepEqual([latest.seconds, latest.received], [2.5, 3]);
  assert.equal(totals.received, 3);
});

test('later it is about the last minute, and the newest figures about the last ten seconds', () => {
  const world = start();
  world.pass(100, (counts) => {
    counts.received += 10;
    counts.outcomes.ok += 9;
    counts.outcomes.timeout += 1;
    counts.attempts.timeout += 2;
  });
  const { recent, latest, totals } = world.of();
  assert.deepEqual([recent.seconds, recent.received], [60, 120]);
  assert.deepEqual(recent.outcomes, { ...routeTotals().outcomes, ok: 108, timeout: 12 });
  assert.equal(recent.attempts.timeout, 24);
  assert.deepEqual([latest.seconds, latest.received], [10, 20]);
  assert.equal(totals.received, 1_000);
});

test('what happened since the newest snapshot is counted at once', () => {
  const world = start();
  world.pass(100, (counts) => {
    counts.received += 10;
  });
  world.counts.received += 5;
  world.nowMs += 1_000;
  const { recent } = world.of();
  assert.deepEqual([recent.seconds, recent.received], [61, 125]);
});

test('a minute without requests shows none, and no durations', () => {
  const world = start();
  world.pass(1, (counts) => {
    counts.received += 10;
    counts.durations.ok = [10, 0, 0, 0];
  });
  world.pass(13);
  const { recent, totals } = world.of();
  assert.deepEqual([recent.received, recent.p50Ms, totals.received], [0, undefined, 10]);
});

test('durations are those of the time, not of the whole life', () => {
  const world = start();
  world.pass(1, (counts) => {
    counts.durations = { ok: [100, 0, 0, 0], replies: [0, 0, 100, 0], clientGone: [0, 0, 0, 0] };
  });
  world.pass(13);
  world.counts.durations = { ok: [100, 10, 0, 0], replies: [0, 10, 100, 0], clientGone: [0, 0, 0, 4] };
  const { recent } = world.of();
  assert.equal(recent.p50Ms?.toFixed(3), '5.500');
  assert.equal(recent.replyP50Ms?.toFixed(3), '5.500');
  assert.equal(recent.goneP50Ms, 100, 'above all bounds: at least the highest');
});

test('a route that a reload brings counts from the moment when it was not there yet', () => {
  const world = start();
  world.pass(100);
  world.counts.received = 7;
  world.routes = [routeStatus('users')];
  world.nowMs += 4_000;
  const { seconds, received } = world.of('users').recent;
  assert.deepEqual([seconds, received], [4, 7]);
});

test('an endpoint tells its attempts of the last minute, and one that follows at its address begins anew', () => {
  const world = start();
  const endpoint = { ...endpointStatus(), answered: 0, unanswered: 0 };
  world.routes = [routeStatus('orders', { endpoints: [endpoint] })];
  world.pass(100, () => {
    endpoint.answered += 3;
    endpoint.unanswered += 1;
  });
  assert.deepEqual(world.of().endpoint(endpoint.address), { answered: 36, unanswered: 12 });
  const next = endpointStatus({ answered: 2, unanswered: 1 });
  world.routes = [routeStatus('orders', { endpoints: [next, { ...endpoint, state: 'terminating' }] })];
  assert.deepEqual(world.of().endpoint(endpoint.address), { answered: 2, unanswered: 1 });
});

test('a name that is given up and taken again counts anew', () => {
  const world = start();
  world.pass(20, (counts) => {
    counts.received += 10;
    counts.outcomes.timeout += 10;
  });
  world.counts = routeCounts({ received: 300, sinceMs: 1 });
  world.counts.outcomes.ok = 300;
  assert.deepEqual([world.of().recent.received, world.of().recent.outcomes.timeout], [300, 0]);
});

test('a quantile is estimated within its bucket, as Prometheus does', () => {
  const bounds = [1, 2, 4];
  assert.equal(quantile(0.5, [0, 0, 0, 0], bounds), undefined);
  assert.equal(quantile(0.5, [4, 0, 0, 0], bounds), 0.5);
  assert.equal(quantile(0.5, [2, 0, 2, 0], bounds), 1);
  assert.equal(quantile(0.75, [2, 0, 2, 0], bounds), 3);
  assert.equal(quantile(0.99, [1, 0, 0, 99], bounds), 4);
});
