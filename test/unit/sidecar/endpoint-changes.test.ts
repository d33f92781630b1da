import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../../src/config/load-config.ts';
import type { RouteSettings } from '../../../src/proxy/settings.ts';
import { endpointChanges } from '../../../src/sidecar/endpoint-changes.ts';

function routeWith(upstream: object, name = 'orders'): RouteSettings {
  const text = JSON.stringify({ routes: [{ name, listen: 'tcp://127.0.0.1:5555', upstream }] });
  const [route] = loadConfig({ env: {}, flags: {}, text }).routes;
  assert.ok(route);
  return route;
}

const address = (number: number) => `tcp://10.0.0.${number}:7000`;
const listing = (...numbers: number[]) => routeWith({ endpoints: numbers.map(address) });

test('the endpoints that were added and removed are told', () => {
  assert.deepEqual(endpointChanges(listing(1, 2), listing(1, 3)), [
    { route: 'orders', added: [address(3)], removed: [address(2)] },
  ]);
  const renamed = routeWith({ endpoints: [address(1)] }, 'prices');
  assert.deepEqual(endpointChanges(listing(1, 2), renamed), [
    { route: 'prices', added: [], removed: [address(2)] },
  ]);
});

test('of the same endpoints in another order, and of those that are discovered, nothing is told', () => {
  const discovered = routeWith({ dns: { name: 'orders', port: 7000 } });
  assert.deepEqual(endpointChanges(listing(1, 2), listing(2, 1)), []);
  assert.deepEqual(endpointChanges(listing(1, 2), discovered), []);
  assert.deepEqual(endpointChanges(discovered, listing(1, 2)), []);
});

test('of many endpoints the first are told, and how many more there are', () => {
  const [{ added = [], removed = [] } = {}] = endpointChanges(
    listing(1),
    listing(...Array.from({ length: 100 }, (_, index) => 100 + index)),
  );
  assert.deepEqual(removed, [address(1)]);
  assert.equal(added.length, 21);
  assert.deepEqual([added[0], added[19], added[20]], [address(100), address(119), 'and 80 more']);
});
