import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Dealer } from 'zeromq';
import { loadConfig } from '../../src/config/load-config.ts';
import { StaticDiscovery } from '../../src/discovery/static.ts';
import { Events } from '../../src/proxy/events.ts';
import { Routes } from '../../src/sidecar/routes.ts';
import { context } from '../../src/transport/zeromq/context.ts';
import { App, ask, failureOf } from '../support/ask.ts';
import { type RecordedEvent, recordEvents } from '../support/recorded-events.ts';
import { startRoute } from '../support/route.ts';
import { delay, drop, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';

/* What a reload changes while everything stays connected. */

async function start(t: TestContext, ...args: Parameters<typeof ScriptedUpstream.start>) {
  const upstream = await ScriptedUpstream.start(...args);
  t.after(() => upstream.close());
  return upstream;
}

const isUp = (event: RecordedEvent) => event.kind === 'endpoint' && event.to === 'up';

/** One route of a configuration that a test changes key by key, and how often its endpoints were looked for. */
async function startRoutes(t: TestContext, endpoints: string[]) {
  const events: RecordedEvent[] = [];
  let discoveries = 0;
  const told = new Events((error) => {
    throw error;
  });
  recordEvents(told, (event) => events.push(event));
  const routes = new Routes({
    events: told,
    self: '',
    discoveryOf: (settings) => {
      discoveries++;
      return new StaticDiscovery(settings.kind === 'static' ? settings.endpoints : []);
    },
  });
  const configOf = ({ upstream, ...keys }: { upstream?: object } = {}) => {
    const route = { name: 'a', listen: 'tcp://127.0.0.1:0', ...keys, upstream: { endpoints, ...upstream } };
    return loadConfig({ env: {}, flags: {}, text: JSON.stringify({ routes: [route] }) });
  };
  await routes.bind(configOf().routes);
  const stop = new AbortController();
  const running = routes.run(stop.signal);
  t.after(async () => {
    stop.abort();
    await running;
  });
  await until('all are up', () => events.filter(isUp).length === endpoints.length);
  const reload = async (keys: object) => (await routes.prepare(configOf(keys))).commit();
  const status = () => routes.all[0]?.status();
  return { events, reload, status, discoveries: () => discoveries, address: status()?.listening ?? '' };
}

test('no change of policy reconnects anything or forgets a latency', async (t) => {
  const upstream = await start(t);
  const { address, events, reload, status, discoveries } = await startRoutes(t, [upstream.address]);
  await ask(address, 'x');
  const latencyMs = () => status()?.endpoints[0]?.latencyMs;
  const before = latencyMs();
  assert.notEqual(before, undefined);
  events.length = 0;
  const limits = [
    { inFlight: 7 },
    { inFlightPerEndpoint: 3 },
    { adaptive: false },
    { inFlightPerClient: 2 },
    { queue: 9 },
    { queueBytes: '32MiB' },
    { messageBytes: '1MiB' },
  ];
  const policies = [
    { timeout: '3s' },
    { attempts: 5 },
    { deadline: '7s' },
    { wait: 0 },
    { retryOn: ['unsent'] },
    { salvage: false },
    { hedge: '100ms' },
    { backoff: { base: '1ms' } },
    { budget: { ratio: 1 } },
    { ejection: { failures: 1 } },
    { failureReply: { format: 'silent' } },
    { upstream: { subset: 1 } },
    ...limits.map((one) => ({ limits: one })),
  ];
  for (const policy of policies) {
    assert.deepEqual((await reload(policy)).changed, ['a'], JSON.stringify(policy));
    assert.equal((await ask(address, 'y')).text, 'y');
  }
  const changes = events.filter(({ kind }) => kind === 'endpoint' || kind === 'upstreamSwitched');
  assert.deepEqual(changes, []);
  assert.equal(discoveries(), 1);
  assert.notEqual(latencyMs(), undefined);
});

test('a change of how or where connections are made creates a new upstream', async (t) => {
  const [first, second] = await Promise.all([start(t), start(t)]);
  const { events, reload, discoveries } = await startRoutes(t, [first.address]);
  const changes = [
    { correlate: true },
    { heartbeat: { interval: '500ms', timeout: '2s' } },
    { upstream: { endpoints: [second.address] } },
  ];
  for (const [index, change] of changes.entries()) {
    await reload(change);
    const switched = () => events.filter(({ kind }) => kind === 'upstreamSwitched').length;
    await until(`the switch for ${JSON.stringify(change)}`, () => switched() === index + 1);
  }
  assert.equal(discoveries(), 1 + changes.length);
});

test('a reload that is reverted before its upstream is connected leaves the old one as it was', async (t) => {
  const upstream = await start(t);
  const { address, events, reload, status, discoveries } = await startRoutes(t, [upstream.address]);
  await ask(address, 'x');
  await reload({ upstream: { endpoints: ['tcp://127.0.0.1:9'] } });
  assert.notEqual(status()?.next, undefined);
  await reload({});
  assert.equal(status()?.next, undefined);
  assert.equal(discoveries(), 2);
  assert.notEqual(status()?.endpoints[0]?.latencyMs, undefined);
  assert.equal(events.filter(isUp).length, 1);
  const gone = events.filter((event) => event.kind === 'endpoint' && event.to === 'gone');
  assert.deepEqual(
    gone.map((event) => 'why' in event && event.why),
    ['replaced by a later reload'],
  );
});

test('an ejected endpoint stays ejected across a change of policy, and returns if ejection is turned off', async (t) => {
  const [bad, good] = await Promise.all([start(t, drop), start(t)]);
  const ejection = { failures: 1, baseMs: 60_000, maxMs: 60_000, maxFraction: 0.5 };
  const options = { ejection, retry: { timeoutMs: 40, salvage: false } };
  const { address, route, apply, event, count, events } = await startRoute(
    t,
    [bad.address, good.address],
    options,
  );
  await until('both are up', () => count('endpoint', 'up') === 2);
  await until('one is left out', async () => {
    await ask(address, 'x');
    return count('endpoint', 'ejected') > 0;
  });
  const shown = () => route.status().endpoints.find((one) => one.address === bad.address);
  apply({ ejection, retry: { timeoutMs: 5_000 } });
  assert.equal(shown()?.state, 'ejected');
  assert.ok((shown()?.nextProbeMs ?? 0) > 10_000);
  apply({ ejection: { ...ejection, baseMs: 1, maxMs: 10 } });
  assert.ok((shown()?.nextProbeMs ?? 0) <= 10, 'no longer than the new settings allow');

  events.length = 0;
  apply({ ejection: { ...ejection, maxFraction: 0 } });
  await event((one) => 'to' in one && one.to === 'up');
  assert.equal(shown()?.state, 'up');
});

test('more attempts may be in flight at an endpoint as soon as a reload allows it, on one connection or many', async (t) => {
  for (const correlate of [false, true]) {
    const upstream = await start(t, { do: 'hold', until: new Promise(() => undefined) });
    const limitsOf = (inFlightPerEndpoint: number) => ({ correlate, limits: { inFlightPerEndpoint } });
    const { address, route, apply, event } = await startRoute(t, [upstream.address], limitsOf(1));
    await event(isUp);
    const apps = Array.from({ length: 4 }, () => new App(address));
    t.after(() => apps.forEach((app) => void app.close()));
    for (const app of apps) app.ask('x').catch(() => undefined);
    await until('all wait', () => route.status().queued === 3);
    apply(limitsOf(3));
    await until('three are under way', () => upstream.seen.length === 3);
    assert.equal(route.status().queued, 1);
  }
});

test('a larger reply that a reload has allowed arrives', async (t) => {
  const large = Buffer.alloc(3_000_000, 'x');
  const upstream = await start(t, { do: 'reply', frames: [large] });
  // Not below half of it: libzmq drops the connection at twice the limit.
  const limitsOf = (messageBytes: number) => ({ limits: { messageBytes }, retry: { attempts: 1 } });
  const { address, apply } = await startRoute(t, [upstream.address], limitsOf(2_000_000));
  assert.equal((await ask(address, 'q')).failure?.code, 'REPLY_TOO_LARGE');
  apply(limitsOf(4_000_000));
  assert.equal((await ask(address, 'q')).frames[0]?.length, large.length);
  apply(limitsOf(2_000_000));
  assert.equal((await ask(address, 'q')).failure?.code, 'REPLY_TOO_LARGE');
});

test('earlier requests of a client do not outlast the shorter deadline of one that it sends after a reload', async (t) => {
  const upstream = await start(t, (body) => (body === 'third' ? delay(0) : drop));
  const policy = (deadlineMs: number) => ({ retry: { timeoutMs: 3_600_000, deadlineMs, attempts: 1 } });
  const { address, apply, events } = await startRoute(t, [upstream.address], policy(3_600_000));
  const app = new Dealer({ context, linger: 0 });
  t.after(() => app.close());
  app.connect(address);
  await app.send(['', 'first']);
  await until('it is at the upstream', () => upstream.seen.length === 1);
  apply(policy(100));
  await app.send(['', 'second']);
  const codes = [];
  for (let replies = 0; replies < 2; replies++) codes.push(failureOf((await app.receive()).slice(1))?.code);
  assert.deepEqual(codes, ['TIMEOUT', 'OVERLOADED'], 'in the order in which they were asked');
  const settled = events.flatMap((one) => (one.kind === 'settled' ? [one.request.attempts] : []));
  assert.deepEqual(settled, [1, 0]);
});

test('requests in progress keep their deadline across a reload if nothing of their client waits for them', async (t) => {
  const held = Promise.withResolvers<void>();
  const upstream = await start(t, { do: 'hold', until: held.promise });
  const policy = (deadlineMs: number) => ({ retry: { timeoutMs: 3_600_000, deadlineMs, attempts: 1 } });
  const { address, apply, event, count } = await startRoute(t, [upstream.address], policy(3_600_000));
  const asking = ask(address, 'long');
  await until('it is at the upstream', () => upstream.seen.length === 1);
  apply(policy(1));
  // Of another client, and past its own deadline before the first one is answered.
  assert.notEqual((await ask(address, 'short')).failure, undefined);
  await event(({ kind }) => kind === 'settled');
  assert.equal(count('settled'), 1);
  held.resolve();
  assert.equal((await asking).text, 'long');
});
