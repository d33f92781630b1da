import assert from 'node:assert/strict';
import { test } from 'node:test';
import { History } from '../../../src/ops/history.ts';
import { Events, type ObservedRequest } from '../../../src/proxy/events.ts';
import { observedRequest } from '../../support/observed-request.ts';

const OK = { cause: 'ok', outcome: 'ok', elapsedMs: 1, failure: undefined } as const;
const ONE = [{ result: 'ok' }] as const;
const TWO = [{ result: 'lost' }, { result: 'ok' }] as const;

type Given = Partial<Omit<ObservedRequest, 'attempts'>>;

/** A history of routes, and what they do. */
function start({ slowMs, routes = ['orders', 'users'] }: { slowMs?: number; routes?: string[] } = {}) {
  const looked: string[][] = [];
  const found = new Map<string, string>();
  const events = new Events((error) => {
    throw error;
  });
  const history = new History({
    slowMs: () => slowMs,
    routes: () => routes,
    processesOf: async (peers) => {
      looked.push([...peers]);
      return found;
    },
  });
  history.observe(events);
  return {
    history,
    routes,
    looked,
    found,
    settle: (given: Given, attempts: Parameters<typeof observedRequest>[1] = ONE) =>
      events.emit('settled', observedRequest(given, attempts)),
    rename: (was: string, route: string) => events.emit('renamed', { was, route }),
    ids: () => history.records().map(({ id }) => id),
  };
}

test('what failed, was retried, or was slow is kept, the newest first, and a plain success is not', () => {
  const { settle, ids } = start({ slowMs: 100 });
  settle({ ...OK, id: 'plain' });
  settle({ ...OK, id: 'retried' }, TWO);
  settle({ ...OK, id: 'nearly slow', elapsedMs: 99.9 });
  settle({ ...OK, id: 'slow', elapsedMs: 100, route: 'users' });
  settle({ id: 'failed' });
  settle({ ...OK, id: 'gone', outcome: 'client_gone' });
  assert.deepEqual(ids(), ['gone', 'failed', 'slow', 'retried']);
});

test('while no request counts as slow, the longest one is not kept', () => {
  const { settle, ids } = start();
  settle({ ...OK, elapsedMs: 1e9 });
  assert.deepEqual(ids(), []);
});

test('of each route the last hundred failures are kept, and slow ones do not push them out', () => {
  const { settle, ids } = start();
  settle({ id: 'of users', route: 'users' });
  for (let i = 0; i < 150; i++) settle({ id: `failed ${i}` });
  for (let i = 0; i < 150; i++) settle({ ...OK, id: `retried ${i}` }, TWO);
  const last = (what: string) => Array.from({ length: 100 }, (_, i) => `${what} ${149 - i}`);
  assert.deepEqual(ids(), [...last('retried'), ...last('failed'), 'of users']);
});

test('a list takes 128 KiB at most, however large its records are', () => {
  const { settle, history } = start();
  const endpoint = { address: 'tcp://10.1.2.3:7000', pod: 'p'.repeat(253), node: 'n'.repeat(253) };
  const large = Array.from({ length: 32 }, () => ({ endpoint }));
  for (let i = 0; i < 100; i++) settle({ number: i }, large);
  const kept = history.records();
  const characters = JSON.stringify(kept).length;
  assert.ok(kept.length >= 4 && characters < 160 * 1024, `${kept.length} with ${characters} characters`);
});

test('a route that is renamed takes its history along, also if two routes swap their names', async () => {
  const { settle, rename, history } = start();
  settle({ id: 'a', route: 'orders' });
  settle({ id: 'b', route: 'users' });
  rename('orders', 'users');
  rename('users', 'orders');
  await Promise.resolve();
  const shown = () => history.records().map(({ id, route }) => `${id} ${route}`);
  assert.deepEqual(shown(), ['b orders', 'a users']);
  settle({ id: 'c', route: 'users' });
  assert.deepEqual(shown(), ['c users', 'b orders', 'a users']);
});

test('a route that is gone takes its history away', () => {
  const { settle, routes, ids } = start();
  settle({ id: 'a', route: 'orders' });
  settle({ id: 'b', route: 'users' });
  routes.shift();
  assert.deepEqual(ids(), ['b']);
  routes.push('orders');
  assert.deepEqual(ids(), ['b'], 'another one of the same name does not inherit it');
});

test('a process is looked up once, and only while the connection of the request is open', async () => {
  const { settle, history, looked, found } = start();
  const [open, closed, closing] = ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3'];
  const leaving = { hasLeft: false };
  settle({ id: 'open', from: open });
  settle({ id: 'closed', from: closed, client: { hasLeft: true } });
  settle({ id: 'closing', from: closing, client: leaving });
  for (const peer of [open, closed, closing]) found.set(peer, `app[${peer.at(-1)}]`);
  const looking = history.shown(() => true, 9);
  leaving.hasLeft = true;
  const expected = [
    ['closing', null],
    ['closed', null],
    ['open', 'app[1]'],
  ];
  const processes = (records: Awaited<typeof looking>) => records.map(({ id, process }) => [id, process]);
  assert.deepEqual(processes(await looking), expected);
  assert.deepEqual(processes(await history.shown(() => true, 9)), expected);
  assert.deepEqual(processes(history.records()), expected);
  assert.deepEqual(looked, [[closing, open]]);
});

test('what is not shown is not looked up', async () => {
  const { settle, history, looked } = start();
  settle({ id: 'a' });
  assert.deepEqual(await history.shown(({ id }) => id === 'b', 9), []);
  assert.deepEqual(looked, []);
});
