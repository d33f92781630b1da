import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Discovery, DiscoveryOwner } from '../../src/discovery/discovery.ts';
import { App, ask } from '../support/ask.ts';
import type { RecordedEvent } from '../support/recorded-events.ts';
import { type RunningRoute, startRoute } from '../support/route.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';

/* What becomes of an upstream when a reload brings another one. */

async function start(t: TestContext, ...args: Parameters<typeof ScriptedUpstream.start>) {
  const upstream = await ScriptedUpstream.start(...args);
  t.after(() => upstream.close());
  return upstream;
}

const isUp = (event: RecordedEvent) => event.kind === 'endpoint' && event.to === 'up';
const addresses = ({ route }: RunningRoute) => route.status().endpoints.map(({ address }) => address);

/** A route with a healthy upstream, and a reload to an address where nobody listens. */
async function startSwitch(t: TestContext) {
  const old = await start(t);
  const fresh = await start(t);
  fresh.close();
  const running = await startRoute(t, [old.address]);
  await running.event(isUp);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  running.apply({ endpoints: [fresh.address] });
  t.mock.timers.tick(2_999);
  assert.equal(running.count('upstreamDelayed'), 0);
  t.mock.timers.tick(3_600_000);
  t.mock.timers.reset();
  return { ...running, running, old, fresh };
}

test('a reload to an unreachable upstream keeps the healthy one, and logs this once', async (t) => {
  const { running, route, address, old, fresh, count, event } = await startSwitch(t);
  const told = await event(({ kind }) => kind === 'upstreamDelayed');
  assert.ok(told.kind === 'upstreamDelayed');
  assert.ok(told.why.startsWith(`${fresh.address}: `), told.why);
  assert.equal(count('upstreamDelayed'), 1);
  assert.deepEqual(addresses(running), [old.address]);
  assert.deepEqual(
    route.status().next?.endpoints.map((one) => one.address),
    [fresh.address],
  );
  assert.equal((await ask(address, 'x')).text, 'x');
  assert.deepEqual(old.seen, ['x']);
});

test('the new upstream takes over as soon as it is connected', async (t) => {
  const { running, route, address, fresh, event } = await startSwitch(t);
  await fresh.listen();
  const switched = await event(({ kind }) => kind === 'upstreamSwitched');
  assert.ok(switched.kind === 'upstreamSwitched' && switched.isUsable && switched.wasDelayed);
  assert.equal(route.status().next, undefined);
  assert.deepEqual(addresses(running), [fresh.address]);
  assert.equal((await ask(address, 'x')).text, 'x');
  assert.deepEqual(fresh.seen, ['x']);
});

test('when the old upstream is no longer usable, requests wait for the new one', async (t) => {
  const { running, address, old, fresh, event } = await startSwitch(t);
  old.close();
  const switched = await event(({ kind }) => kind === 'upstreamSwitched');
  assert.ok(switched.kind === 'upstreamSwitched' && !switched.isUsable);
  assert.deepEqual(addresses(running), [fresh.address]);
  const asking = ask(address, 'x');
  await fresh.listen();
  assert.equal((await asking).text, 'x');
});

test('requests that wait for a place when the upstream is switched keep their order at the new one', async (t) => {
  const old = await start(t, { do: 'hold', until: new Promise(() => undefined) });
  const fresh = await start(t);
  const limits = { inFlightPerEndpoint: 1 };
  const { route, apply, address, event } = await startRoute(t, [old.address], { limits });
  await event(isUp);
  const app = new App(address);
  t.after(() => app.close());
  app.ask('at the old one').catch(() => undefined);
  await until('it is there', () => old.seen.length === 1);
  const asking = [];
  for (let number = 0; number < 20; number++) {
    asking.push(ask(address, `q${number}`));
    await until('it waits', () => route.status().queued === number + 1);
  }
  apply({ endpoints: [fresh.address] });
  await Promise.all(asking);
  assert.deepEqual(
    fresh.seen,
    asking.map((_, number) => `q${number}`),
  );
  assert.deepEqual(old.seen, ['at the old one']);
});

test('one long request keeps its own upstream, but none of those that came and went after it', async (t) => {
  const held = Promise.withResolvers<void>();
  const upstream = await start(t, { do: 'hold', until: held.promise });
  let running = 0;
  const discovery = (): Discovery => ({
    isFixed: false,
    async run(owner: DiscoveryOwner, signal) {
      running++;
      owner.found([{ address: upstream.address }]);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      running--;
    },
  });
  const { route, apply, address, event, count } = await startRoute(t, discovery);
  await event(isUp);
  const asking = ask(address, 'long');
  await until('it is at the upstream', () => upstream.seen.length === 1);
  for (let reloads = 1; reloads <= 10; reloads++) {
    apply({ endpoints: [`tcp://10.0.0.${reloads}:1`] });
    await until('it is switched', () => count('upstreamSwitched') === reloads);
    await until('the old discovery has ended', () => running === 1);
    const endpoints = route.status().endpoints.map(({ state, inFlight }) => `${state} ${inFlight}`);
    assert.deepEqual(endpoints, ['up 0', 'terminating 1']);
  }
  held.resolve();
  assert.equal((await asking).text, 'long');
  await until('the first upstream is gone', () => route.status().endpoints.length === 1);
});
