import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readyHealth, startupHealth } from '../../../src/ops/health.ts';
import type { EndpointStateKind } from '../../../src/proxy/status.ts';
import { endpointStatus, routeStatus } from './statuses.ts';

const LISTENING = 'tcp://127.0.0.1:5555';

function bound(name: string, ...states: EndpointStateKind[]) {
  const endpoints = states.map((state) => endpointStatus({ state }));
  const isUsable = states.some((state) => state === 'up' || state === 'ejected');
  return routeStatus(name, { listening: LISTENING, endpoints, isUsable });
}

test('startup is over once every route is listening', () => {
  assert.deepEqual(startupHealth([bound('orders'), bound('users')]), {
    isOk: true,
    reason: 'every route is listening',
  });
});

test('startup names the routes that are not listening yet', () => {
  const routes = [bound('orders'), routeStatus('users'), routeStatus('stock')];
  assert.deepEqual(startupHealth(routes), { isOk: false, reason: 'not listening yet: users, stock' });
});

test('startup is not over before there is any route', () => {
  assert.deepEqual(startupHealth([]), { isOk: false, reason: 'no route has been set up yet' });
});

test('with readiness: listening, an upstream without endpoints does not matter', () => {
  assert.equal(readyHealth('listening', false, [bound('orders', 'down'), bound('users')]).isOk, true);
});

test('with readiness: upstream, every route needs an endpoint that could be used', () => {
  const users = bound('users', 'down', 'up', 'connecting');
  assert.deepEqual(readyHealth('upstream', false, [bound('orders', 'ejected', 'down'), users]), {
    isOk: true,
    reason: 'every route has a connected endpoint',
  });
  const cutOff = [users, bound('orders', 'down', 'connecting'), bound('stock')];
  assert.deepEqual(readyHealth('upstream', false, cutOff), {
    isOk: false,
    reason: 'no endpoint is connected: orders, stock',
  });
});

for (const readiness of ['listening', 'upstream'] as const) {
  test(`with readiness: ${readiness} it is not ready before it listens, nor while it drains`, () => {
    const starting = routeStatus('orders', { endpoints: [endpointStatus({ state: 'up' })] });
    assert.deepEqual(readyHealth(readiness, false, [starting]), {
      isOk: false,
      reason: 'not listening yet: orders',
    });
    assert.deepEqual(readyHealth(readiness, true, [bound('orders', 'up')]), {
      isOk: false,
      reason: 'draining',
    });
  });
}
