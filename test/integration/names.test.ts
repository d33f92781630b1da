import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ObservedRequest } from '../../src/proxy/events.ts';
import { ask } from '../support/ask.ts';
import { DrivenDiscovery } from '../support/driven-discovery.ts';
import { RawApp, requestOf } from '../support/raw-app.ts';
import type { RecordedEvent } from '../support/recorded-events.ts';
import { type RunningRoute, startRoute } from '../support/route.ts';
import { scratch } from '../support/scratch.ts';
import { drop, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';

async function start(t: TestContext, ...args: Parameters<typeof ScriptedUpstream.start>) {
  const upstream = await ScriptedUpstream.start(...args);
  t.after(() => upstream.close());
  return upstream;
}

/** The requests of a route, as live objects: those that have come, and those that are settled. */
function watch({ live }: RunningRoute) {
  const received: ObservedRequest[] = [];
  const settled: ObservedRequest[] = [];
  live.on('received', (request) => received.push(request));
  live.on('settled', (request) => settled.push(request));
  return { received, settled };
}

test('an endpoint gets the names that discovery learns later, and keeps its connection', async (t) => {
  const { address } = await start(t);
  const discovery = new DrivenDiscovery();
  const running = await startRoute(t, discovery);
  const { settled } = watch(running);
  await discovery.find({ address, identity: 'u' });
  await ask(running.address, 'x');
  await discovery.find({ address, identity: 'u', pod: 'orders-1', node: 'worker-2', zone: 'b' });
  await ask(running.address, 'y');
  const named = { address, pod: 'orders-1', node: 'worker-2', zone: 'b' };
  assert.deepEqual(
    settled.map(({ attempts }) => attempts.map(({ endpoint }) => endpoint)),
    [[{ address }], [named]],
    'an attempt has the names of its time',
  );
  const [{ state, pod, node, zone, lanes } = {}] = running.route.status().endpoints;
  assert.deepEqual(
    { state, pod, node, zone, lanes },
    { state: 'up', pod: 'orders-1', node: 'worker-2', zone: 'b', lanes: 1 },
  );
  await discovery.find();
  const gone = await running.event((event) => event.kind === 'endpoint' && event.to === 'gone');
  assert.ok(gone.kind === 'endpoint');
  assert.deepEqual([gone.endpoint, gone.pod, gone.node], [address, 'orders-1', 'worker-2']);
  assert.equal(running.count('endpoint', 'up'), 1);
});

test('a request has an id of its own that no other route or run has, and keeps it if the route is renamed', async (t) => {
  const silent = await start(t, drop);
  const running = await startRoute(t, [silent.address]);
  const other = await startRoute(t, [silent.address]);
  const { received } = watch(running);
  const others = watch(other);
  for (const { address } of [running, running, other]) {
    const app = await RawApp.connect(t, address);
    await app.ready();
    await app.send(requestOf('x'));
  }
  await until('all have come', () => received.length + others.received.length === 3);
  const ids = [...received, ...others.received].map(({ id }) => id);
  const [, mark] = /^test\.([0-9a-z]{6})\.1$/.exec(ids[0] ?? '') ?? [];
  assert.ok(mark !== undefined, String(ids[0]));
  assert.equal(ids[1], `test.${mark}.2`);
  assert.match(ids[2] ?? '', /^test\.[0-9a-z]{6}\.1$/);
  assert.notEqual(ids[2], ids[0]);
  running.apply({ name: 'renamed' });
  assert.deepEqual([received[0]?.id, received[0]?.route], [ids[0], 'renamed']);
  const app = await RawApp.connect(t, running.address);
  await app.ready();
  await app.send(requestOf('x'));
  await until('it has come', () => received.length === 3);
  assert.equal(received[2]?.id, `renamed.${mark}.3`);
});

for (const change of ['its endpoint leaves the set', 'another upstream takes over'])
  test(`what is told of a request after ${change} has the name that the route has then`, async (t) => {
    const held = Promise.withResolvers<void>();
    const old = await start(t, { do: 'hold', until: held.promise });
    const fresh = await start(t);
    const discovery = new DrivenDiscovery();
    const isSame = change.includes('set');
    const running = await startRoute(t, isSame ? discovery : [old.address]);
    if (isSame) await discovery.find(old.address);
    const asked = ask(running.address, 'x');
    await until('the request is at the old endpoint', () => old.seen.length === 1);
    const endpoints = isSame ? [] : [fresh.address];
    if (isSame) await discovery.find(fresh.address);
    else running.apply({ endpoints });
    const of = (address: string, state: string) => (event: RecordedEvent) =>
      event.kind === 'endpoint' && event.endpoint === address && event.to === state;
    await running.event(of(old.address, 'terminating'));
    running.apply({ endpoints, name: 'renamed' });
    held.resolve();
    assert.equal((await asked).text, 'x');
    assert.equal((await running.event(of(old.address, 'gone'))).route, 'renamed');
  });

for (const host of ['127.0.0.1', '[::1]'])
  test(`where an app of ${host} connected from is known after it has left`, async (t) => {
    const silent = await start(t, drop);
    const listen = `tcp://${host}:0`;
    const running = await startRoute(t, [silent.address], { transport: 'zmtp', listen });
    const { settled } = watch(running);
    const app = await RawApp.connect(t, running.address);
    const { localPort } = app.socket;
    await app.send(requestOf('x'));
    await until('it was sent', () => silent.seen.length === 1);
    app.socket.destroy();
    await until('the request is settled', () => settled.length === 1);
    assert.equal(settled[0]?.outcome, 'client_gone');
    assert.equal(settled[0]?.from, `${host}:${localPort}`);
  });

for (const transport of ['zmtp', 'libzmq'] as const) {
  test(`an app on an ipc path comes from there, with ${transport}`, async (t) => {
    const server = await start(t);
    const listen = `ipc://${join(scratch(), 'app.sock')}`;
    const running = await startRoute(t, [server.address], { transport, listen });
    const { settled } = watch(running);
    await ask(running.address, 'x');
    await until('the request is settled', () => settled.length === 1);
    assert.equal(settled[0]?.from, listen);
  });
}

test('libzmq does not tell where an app on TCP connected from', async (t) => {
  const server = await start(t);
  const running = await startRoute(t, [server.address], { transport: 'libzmq' });
  const { settled } = watch(running);
  await ask(running.address, 'x');
  await until('the request is settled', () => settled.length === 1);
  assert.equal(settled[0]?.from, undefined);
});
