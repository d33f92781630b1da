import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { loadConfig } from '../../src/config/load-config.ts';
import { StaticDiscovery } from '../../src/discovery/static.ts';
import { Events } from '../../src/proxy/events.ts';
import { subset } from '../../src/proxy/upstream/subset.ts';
import { Routes } from '../../src/sidecar/routes.ts';
import { ask } from '../support/ask.ts';
import { countingRelay } from '../support/counting-relay.ts';
import { type RecordedEvent, recordEvents } from '../support/recorded-events.ts';
import { startRoute } from '../support/route.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import { until } from '../support/until.ts';

/* A reload adds endpoints to a list, and removes some. */

async function start(t: TestContext, ...args: Parameters<typeof ScriptedUpstream.start>) {
  const upstream = await ScriptedUpstream.start(...args);
  t.after(() => upstream.close());
  return upstream;
}

/** Where nobody listens. */
const DEAD = 'tcp://127.0.0.1:9';
const isUp = (event: RecordedEvent) => event.kind === 'endpoint' && event.to === 'up';

test('under load, the endpoint that stays keeps its connection, the new one gets work, and the old one answers what it has', async (t) => {
  const released = Promise.withResolvers<void>();
  const [stays, gone, fresh] = await Promise.all([
    start(t),
    start(t, { do: 'hold', until: released.promise }),
    start(t),
  ]);
  const relay = await countingRelay(t, stays.address);
  const { route, address, apply, event, events, count } = await startRoute(t, [relay.address, gone.address], {
    correlate: true,
    limits: { inFlightPerEndpoint: 3, adaptive: false },
  });
  await until('both are up', () => count('endpoint', 'up') === 2);
  const load = new SteadyLoad(address, 200);
  t.after(() => load.abandon());
  await until('one endpoint is full', () => gone.seen.length === 3);
  await until('the other one has a latency', () => count('settled', 'ok') >= 10);

  apply({ endpoints: [relay.address, fresh.address] });
  assert.notEqual(
    route.status().endpoints.find((one) => one.address === relay.address)?.latencyMs,
    undefined,
  );
  await until('the new one gets work', () => fresh.seen.length >= 10);
  const before = stays.seen.length;
  await until('and so does the one that stays', () => stays.seen.length >= before + 10);
  assert.equal(route.status().endpoints.find((one) => one.address === gone.address)?.state, 'terminating');
  assert.equal(
    count('settled', 'ok') + 3 <= count('received'),
    true,
    'three requests are still at the old one',
  );
  released.resolve();
  await event((one) => one.kind === 'endpoint' && one.to === 'gone' && one.endpoint === gone.address);
  await load.stop();

  assert.deepEqual(load.failures, []);
  assert.equal(load.crossed, 0);
  assert.equal(relay.connections, 1);
  assert.equal(gone.seen.length, 3);
  const all = [...stays.seen, ...gone.seen, ...fresh.seen];
  assert.equal(all.length, load.samples.length, 'each request was executed once');
  const replaced = events.filter(({ kind }) => ['reset', 'retry', 'upstreamSwitched'].includes(kind));
  assert.deepEqual(replaced, []);
});

test('a list with a connected endpoint is in force at once, also while an unreachable upstream waits to take over', async (t) => {
  const [stays, fresh] = await Promise.all([start(t), start(t)]);
  const { route, address, apply, event, events, count } = await startRoute(t, [stays.address]);
  await event(isUp);
  await ask(address, 'x');
  const latencyMs = () => route.status().endpoints.find((one) => one.address === stays.address)?.latencyMs;
  const before = latencyMs();
  apply({ endpoints: [DEAD] });
  assert.notEqual(route.status().next, undefined);
  apply({ endpoints: [fresh.address, stays.address] });
  assert.equal(route.status().next, undefined);
  await until('the new one is up', () => count('endpoint', 'up') === 2);
  assert.notEqual(before, undefined);
  assert.equal(latencyMs(), before);
  const given = events.flatMap((one) =>
    one.kind === 'endpoint' && one.to === 'gone' ? [[one.endpoint, one.why]] : [],
  );
  assert.deepEqual(given, [[DEAD, 'replaced by a later reload']]);
  assert.equal(count('upstreamSwitched'), 0);

  // From here on the list of the one that stays is `[fresh, stays]`: none of them is in this one.
  apply({ endpoints: [DEAD] });
  assert.deepEqual(
    route.status().next?.endpoints.map((one) => one.address),
    [DEAD],
  );
  assert.equal((await ask(address, 'y')).text, 'y');
});

test('an upstream that waits to take over is replaced by one with another list, and its delay is told anew', async (t) => {
  const healthy = await start(t);
  const { route, address, apply, event, count } = await startRoute(t, [healthy.address]);
  await event(isUp);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  for (const [index, list] of [[DEAD], ['tcp://127.0.0.1:11', DEAD]].entries()) {
    apply({ endpoints: list });
    t.mock.timers.tick(3_001);
    assert.equal(count('upstreamDelayed'), index + 1);
    assert.deepEqual(
      route.status().next?.endpoints.map((one) => one.address),
      list,
    );
  }
  t.mock.timers.reset();
  assert.equal((await ask(address, 'x')).text, 'x');
});

test('what is told of an endpoint that leaves with its route being renamed has the new name', async (t) => {
  const [stays, gone] = await Promise.all([start(t), start(t)]);
  const { apply, events, count } = await startRoute(t, [stays.address, gone.address], { name: 'orders' });
  await until('both are up', () => count('endpoint', 'up') === 2);
  events.length = 0;
  apply({ name: 'prices', endpoints: [stays.address] });
  const told = events.flatMap((one) => (one.kind === 'endpoint' ? [[one.route, one.endpoint, one.to]] : []));
  assert.deepEqual(told, [['prices', gone.address, 'gone']]);
});

test('an upstream that takes over in the middle of a reload has the settings of that reload', async (t) => {
  const [old, fresh] = await Promise.all([start(t), start(t)]);
  fresh.close();
  // A subset of one has it in place of the connected one.
  const nobody = Array.from({ length: 100 }, (_, index) => `ipc:///nowhere/${index}.sock`).find(
    (address) => subset([{ address: old.address }, { address }], 1, '')[0]?.address === address,
  );
  assert.ok(nobody);
  const { apply, event, events } = await startRoute(t, [old.address, nobody], { name: 'orders' });
  await event(isUp);
  apply({ endpoints: [fresh.address] });
  events.length = 0;
  apply({ name: 'prices', endpoints: [fresh.address], subset: 1 });
  assert.equal(events.filter(({ kind }) => kind === 'upstreamSwitched').length, 1);
  await fresh.listen();
  const up = await event(isUp);
  assert.deepEqual('endpoint' in up && [up.route, up.endpoint], ['prices', fresh.address]);
});

/** Two routes with the same endpoint, and relays that count their connections. */
async function startRoutes(t: TestContext) {
  const events: RecordedEvent[] = [];
  const told = new Events((error) => assert.fail(String(error)));
  recordEvents(told, (event) => events.push(event));
  const asked: string[] = [];
  const routes = new Routes({
    events: told,
    self: '',
    discoveryOf: (settings) => {
      asked.push(settings.kind);
      return new StaticDiscovery(settings.kind === 'static' ? settings.endpoints : [relay.address]);
    },
  });
  const upstream = await start(t);
  const relay = await countingRelay(t, upstream.address);
  const configOf = (...upstreams: object[]) => {
    const all = upstreams.map((one, index) => ({
      ...{ name: `route-${index}`, listen: 'tcp://127.0.0.1:0', correlate: true },
      upstream: one,
    }));
    return loadConfig({ env: {}, flags: {}, text: JSON.stringify({ routes: all }) });
  };
  const listed = { endpoints: [relay.address] };
  await routes.bind(configOf(listed, listed).routes);
  const stop = new AbortController();
  const running = routes.run(stop.signal);
  t.after(async () => {
    stop.abort();
    await running;
  });
  const ups = () => events.filter(isUp).length;
  await until('both are up', () => ups() === 2);
  const reload = async (...upstreams: object[]) => (await routes.prepare(configOf(...upstreams))).commit();
  return { routes, relay, events, reload, listed, ups, asked };
}

test('of two routes with the same endpoint, the list of one changes nothing in the other, and is told', async (t) => {
  const { routes, relay, events, reload, listed, ups } = await startRoutes(t);
  const fresh = await start(t);
  events.length = 0;
  const more = { endpoints: [relay.address, fresh.address] };
  assert.deepEqual(await reload(listed, more), {
    ...{ added: [], changed: ['route-1'], removed: [] },
    endpoints: [{ route: 'route-1', added: [fresh.address], removed: [] }],
  });
  await until('the new one is up', () => ups() === 1);
  const less = { endpoints: [fresh.address] };
  assert.deepEqual((await reload(listed, less)).endpoints, [
    { route: 'route-1', added: [], removed: [relay.address] },
  ]);
  const told = events.flatMap((one) => (one.kind === 'endpoint' ? [[one.route, one.endpoint, one.to]] : []));
  assert.deepEqual(told, [
    ['route-1', fresh.address, 'connecting'],
    ['route-1', fresh.address, 'up'],
    ['route-1', relay.address, 'gone'],
  ]);
  assert.equal(relay.connections, 2);
  const states = routes.all.map((route) =>
    route.status().endpoints.map(({ address, state }) => [address, state]),
  );
  assert.deepEqual(states, [[[relay.address, 'up']], [[fresh.address, 'up']]]);
});

test('a list in place of a discovery, and a discovery in place of a list, take over from each other', async (t) => {
  const { relay, events, reload, listed, asked } = await startRoutes(t);
  const dns = { dns: { name: 'orders', port: 7000 } };
  const switched = () => events.filter(({ kind }) => kind === 'upstreamSwitched').length;
  await reload(listed, dns);
  await until('discovery has taken over', () => switched() === 1);
  await reload(listed, { endpoints: [relay.address, DEAD] });
  await until('the list has taken over', () => switched() === 2);
  assert.deepEqual(asked, ['static', 'static', 'dns', 'static']);
  assert.equal(relay.connections, 4);
});
