import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refusals } from '../../../src/ops/refused-clients.ts';
import { Events } from '../../../src/proxy/events.ts';

function start() {
  const events = new Events((error) => {
    throw error;
  });
  const routes = new Set(['orders', 'users']);
  const refusals = new Refusals(() => [...routes]);
  refusals.observe(events);
  const refuse = (why: string, address?: string, route = 'orders') =>
    events.emit('refusedClient', { route, kind: 'not_zeromq', why, address, key: undefined });
  return { refusals, refuse, events, routes };
}

test('refused connections are counted by reason and route, with the address of the last one', () => {
  const { refusals, refuse } = start();
  refuse('it speaks HTTP', '127.0.0.1:1');
  refuse('a wrong key');
  refuse('it speaks HTTP', '127.0.0.1:2');
  refuse('a wrong key', undefined, 'users');
  const shown = refusals.of('orders').map(({ why, count, address }) => [why, count, address]);
  assert.deepEqual(shown, [
    ['it speaks HTTP', 2, '127.0.0.1:2'],
    ['a wrong key', 1, undefined],
  ]);
  assert.deepEqual(refusals.of('nobody'), []);
});

test('a peer that is refused for ever new reasons leaves only a few of them', () => {
  const { refusals, refuse } = start();
  for (let count = 0; count < 100; count++) refuse(`it begins with ${count}`);
  const whys = refusals.of('orders').map(({ why }) => why);
  assert.equal(whys.length, 8);
  assert.equal(whys[0], 'it begins with 99');
});

test('a renamed route does not inherit the refusals of another', () => {
  const { refusals, refuse, events } = start();
  refuse('a wrong key');
  events.emit('renamed', { route: 'users', was: 'orders' });
  assert.deepEqual(refusals.of('orders'), []);
});

test('a route that comes back after it was gone does not inherit what was kept of it', () => {
  const { refusals, refuse, routes } = start();
  refuse('a wrong key');
  routes.delete('orders');
  refuse('a wrong key', undefined, 'users');
  routes.add('orders');
  assert.deepEqual(refusals.of('orders'), []);
  refuse('it speaks HTTP');
  routes.delete('orders');
  assert.equal(refusals.of('users').length, 1);
  routes.add('orders');
  assert.deepEqual(refusals.of('orders'), []);
});
