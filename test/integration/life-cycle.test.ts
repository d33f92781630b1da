import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { App, ask } from '../support/ask.ts';
import { DrivenDiscovery } from '../support/driven-discovery.ts';
import { startRoute } from '../support/route.ts';
import { delay, drop, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';

const isUp = (endpoint: string) => (event: object) =>
  'to' in event && event.to === 'up' && 'endpoint' in event && event.endpoint === endpoint;
const isGone = (event: object) => 'to' in event && event.to === 'gone';

async function start(
  t: { after(end: () => void): void },
  ...args: Parameters<typeof ScriptedUpstream.start>
) {
  const upstream = await ScriptedUpstream.start(...args);
  t.after(() => upstream.close());
  return upstream;
}

for (const correlate of [false, true]) {
  test(`an endpoint that leaves the set finishes its requests and gets no new ones (correlate: ${correlate})`, async (t) => {
    const discovery = new DrivenDiscovery();
    const held = Promise.withResolvers<void>();
    const old = await start(t, { do: 'hold', until: held.promise });
    const fresh = await start(t);
    const { address, route, events, event } = await startRoute(t, discovery, { correlate });
    await discovery.find(old.address);
    const first = ask(address, 'first');
    await until('it is at the old one', () => old.seen.length > 0);

    await discovery.find(fresh.address);
    await event(isUp(fresh.address));
    assert.equal(route.status().endpoints.find((one) => one.address === old.address)?.state, 'terminating');
    assert.equal((await ask(address, 'second')).text, 'second');
    held.resolve();
    assert.equal((await first).text, 'first');
    await event(isGone);
    assert.deepEqual(old.seen, ['first']);
    assert.equal(route.status().endpoints.length, 1);
    assert.deepEqual(
      events.filter((one) => one.kind === 'reset'),
      [],
      'that a lane closes in peace is no reset',
    );
  });
}

test('an endpoint that returns under the same address starts afresh, also within one change', async (t) => {
  const discovery = new DrivenDiscovery();
  const upstream = await start(t);
  const { address, route, event, events } = await startRoute(t, discovery);
  await discovery.find({ address: upstream.address, identity: 'pod-1' });
  await event(isUp(upstream.address));
  await ask(address, 'one');
  assert.notEqual(route.status().endpoints[0]?.latencyMs, undefined);

  await discovery.find({ address: upstream.address, identity: 'pod-1' });
  assert.notEqual(route.status().endpoints[0]?.latencyMs, undefined, 'the same one stays as it is');
  await discovery.find({ address: upstream.address, identity: 'pod-2' });
  assert.equal(route.status().endpoints[0]?.state, 'connecting');
  assert.equal(route.status().endpoints[0]?.latencyMs, undefined);
  assert.equal((await ask(address, 'two')).text, 'two');
  assert.equal(events.filter(isUp(upstream.address)).length, 2);
});

test('an empty set is accepted: a request waits as long as `wait` says, and is answered by an endpoint that comes in time', async (t) => {
  const discovery = new DrivenDiscovery();
  const upstream = await start(t);
  const { address, apply } = await startRoute(t, discovery, { retry: { waitMs: 200 } });
  await discovery.find(upstream.address);
  assert.equal((await ask(address, 'one')).text, 'one');
  await discovery.find();
  const failed = await ask(address, 'two');
  assert.equal(failed.failure?.code, 'NO_ENDPOINTS');
  assert.equal(failed.failure?.executed, 'no');
  apply({ retry: {} });
  const waiting = ask(address, 'three');
  await discovery.find(upstream.address);
  assert.equal((await waiting).text, 'three');
});

test('a discovery that fails changes nothing, and is reported once for each reason', async (t) => {
  const discovery = new DrivenDiscovery();
  const upstream = await start(t);
  const { address, route, events } = await startRoute(t, discovery);
  await discovery.find(upstream.address);
  for (const message of ['a', 'a', 'b']) await discovery.fail(message);
  assert.equal((await ask(address, 'one')).text, 'one');
  assert.equal(route.status().discovery.state, 'lost');
  assert.equal(route.status().discovery.why, 'b');
  const news = events.flatMap((one) => (one.kind === 'discoveryFailed' ? [one.isNew] : []));
  assert.deepEqual(news, [true, false, true]);
  await discovery.find(upstream.address);
  assert.equal(route.status().discovery.state, 'live');
  assert.ok(events.some((one) => one.kind === 'discovered' && one.wasLost));
});

test('an endpoint that fails repeatedly is ejected, probed with one request, and returns', async (t) => {
  const upstreams = await Promise.all([start(t, drop), start(t, drop)]);
  const { address, route, event, count } = await startRoute(
    t,
    upstreams.map((one) => one.address),
    {
      ejection: { failures: 3, baseMs: 150, maxMs: 1_000, maxFraction: 0.5 },
      retry: { timeoutMs: 40, attempts: 50, deadlineMs: 60_000, salvage: false },
      budget: { ratio: 1, minPerSecond: 100 },
    },
  );
  await Promise.all(upstreams.map((one) => event(isUp(one.address))));
  const app = new App(address);
  t.after(() => app.close());
  const first = app.ask('x');
  const ejected = await event((one) => 'to' in one && one.to === 'ejected');
  assert.ok(ejected.kind === 'endpoint' && ejected.why === '3 failures in a row: no reply in time');
  const [bad, good] = upstreams[0]?.address === ejected.endpoint ? upstreams : upstreams.toReversed();
  assert.ok(bad !== undefined && good !== undefined);
  good.script = () => ({ do: 'reply' });
  await first;
  const shown = () => route.status().endpoints.find((one) => one.address === bad.address);
  assert.equal(shown()?.state, 'ejected');

  const before = bad.seen.length;
  await until('it is probed', async () => {
    const isDue = shown()?.nextProbeMs === 0;
    assert.equal((await app.ask('y')).failure, undefined);
    const isProbed = bad.seen.length > before;
    assert.ok(!isProbed || isDue || shown()?.nextProbeMs !== undefined, 'nothing while it is out');
    return isProbed;
  });
  assert.equal(bad.seen.length, before + 1, 'one probe');
  await until('the probe has failed', () => count('endpoint', 'ejected') > 1);
  bad.script = () => ({ do: 'reply' });
  await until('none is left out', async () => {
    await app.ask('z');
    return route.status().endpoints.every((one) => one.state !== 'ejected');
  });
  assert.ok(bad.seen.length > before + 1);
});

test('if every other endpoint is gone, an ejected one is used', async (t) => {
  const upstreams = await Promise.all([start(t, drop), start(t, drop)]);
  const { address, event } = await startRoute(
    t,
    upstreams.map((one) => one.address),
    {
      ejection: { failures: 1, baseMs: 600_000, maxMs: 600_000, maxFraction: 0.5 },
      retry: { timeoutMs: 40, attempts: 50, deadlineMs: 60_000 },
      budget: { ratio: 1, minPerSecond: 100 },
    },
  );
  await Promise.all(upstreams.map((one) => event(isUp(one.address))));
  const first = ask(address, 'x');
  const ejected = await event((one) => 'to' in one && one.to === 'ejected');
  assert.ok(ejected.kind === 'endpoint');
  const [bad, other] = upstreams[0]?.address === ejected.endpoint ? upstreams : upstreams.toReversed();
  assert.ok(bad !== undefined && other !== undefined);
  for (const one of upstreams) one.script = () => ({ do: 'reply' });
  await first;
  other.close();
  await event((one) => 'to' in one && one.to === 'down');
  const answer = await ask(address, 'y');
  assert.equal(answer.text, 'y');
  assert.equal(answer.failure, undefined);
});

test('lanes beyond the first are closed when they have been idle', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const upstream = await start(t, delay(50));
  const { address, route } = await startRoute(t, [upstream.address], { heartbeat: 'off' });
  await Promise.all(Array.from({ length: 8 }, () => ask(address, 'x')));
  const sinceMs = performance.now();
  await Promise.all(Array.from({ length: 8 }, () => ask(address, 'x')));
  const lanes = () => route.status().endpoints[0]?.lanes ?? 0;
  assert.ok(lanes() > 1);
  const look = (atMs: number) => {
    const clock = t.mock.method(performance, 'now', () => atMs);
    t.mock.timers.tick(10_000);
    clock.mock.restore();
  };
  look(sinceMs + 59_000);
  assert.ok(lanes() > 1, 'not before a minute');
  look(performance.now() + 61_000);
  assert.equal(lanes(), 1);
  assert.equal((await ask(address, 'y')).text, 'y');
});

test('only the subset of many endpoints is connected, and a standby replaces one that disappears', async (t) => {
  const discovery = new DrivenDiscovery();
  const upstreams = await Promise.all(Array.from({ length: 6 }, () => start(t)));
  const { route, count } = await startRoute(t, discovery, { subset: 2 });
  await discovery.find(...upstreams.map(({ address }) => address));
  await until('two are up', () => count('endpoint', 'up') >= 2);
  const { endpoints, standby } = route.status();
  assert.equal(endpoints.length, 2);
  assert.equal(standby, 4);
  const [gone, kept] = endpoints.map(({ address }) => address);
  await discovery.find(...upstreams.map(({ address }) => address).filter((one) => one !== gone));
  const now = route
    .status()
    .endpoints.filter(({ state }) => state !== 'gone')
    .map(({ address }) => address);
  assert.equal(now.length, 2);
  assert.ok(now.includes(kept ?? ''));
});

test('a reload that was replaced by another one never takes over', async (t) => {
  const [first, last] = await Promise.all([start(t), start(t)]);
  const { address, route, apply, event } = await startRoute(t, [first.address]);
  await event(isUp(first.address));
  t.mock.timers.enable({ apis: ['setTimeout'] });
  apply({ endpoints: ['tcp://127.0.0.1:9'] });
  apply({ endpoints: [last.address] });
  await event(isUp(last.address));
  await setImmediate();
  t.mock.timers.tick(3_001);
  t.mock.timers.reset();
  assert.deepEqual(
    route.status().endpoints.map((one) => one.address),
    [last.address],
  );
  assert.equal((await ask(address, 'x')).text, 'x');
  assert.deepEqual(last.seen, ['x']);
});
