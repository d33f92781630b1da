import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { curveKeyPair } from 'zeromq';
import { loadConfig } from '../../src/config/load-config.ts';
import { jsonSchema } from '../../src/config/schema/config-schema.ts';
import { StaticDiscovery } from '../../src/discovery/static.ts';
import { Events } from '../../src/proxy/events.ts';
import type { RouteSettings } from '../../src/proxy/settings.ts';
import { Routes } from '../../src/sidecar/routes.ts';
import { countingRelay } from '../support/counting-relay.ts';
import { RawApp, requestOf } from '../support/raw-app.ts';
import { type RecordedEvent, recordEvents } from '../support/recorded-events.ts';
import { scratch } from '../support/scratch.ts';
import { garbage, reply, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';

/* What a reload touches, for each key of a route. Requests in flight go on, whatever it is. */

/**
 * `no setting`: the settings in force stay the same. `nothing`: they change in place, and endpoints that stay are as they were.
 * `connections`: an endpoint gets new ones, and what was learned about it stays. `upstream`: there is another one, with connections and a
 * memory of its own. `route`: there is another one, with a listener of its own. The rest cannot be had without keys: the group of settings
 * that changes, or `refused`.
 */
type Touched =
  | 'no setting'
  | 'nothing'
  | 'connections'
  | 'upstream'
  | 'route'
  | keyof RouteSettings
  | 'refused';

interface Change {
  touches: Touched;
  /** Keys of the route before, beside those that all have. */
  from?: object;
  /** Or what it is, given the endpoints before. */
  to: object | ((endpoints: readonly string[]) => object);
}

const files = scratch();
let written = 0;

function file(text: string): string {
  const path = join(files, `file-${written++}`);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

const keys = () => curveKeyPair();
const own = keys();
const server = keys().publicKey;
const curve = {
  serverKeyFile: file(server),
  publicKeyFile: file(own.publicKey),
  secretKeyFile: file(own.secretKey),
};
const listenCurve = { secretKeyFile: file(own.secretKey), allowedKeysFile: file(server) };
const copied = keys();
const kubernetes = { service: 'orders', namespace: 'shop', port: 7000 };
const pods = { podSelector: 'app=orders', namespace: 'shop', port: 7000 };
const dns = { name: 'orders.shop.svc', port: 7000 };

/** A change of each key of the schema. */
const CHANGES: Record<string, Change> = {
  name: { touches: 'nothing', to: { name: 'b' } },
  listen: { touches: 'route', to: { listen: `ipc://${join(files, 'another.sock')}` } },
  listenMode: { touches: 'nothing', to: { listenMode: '700' } },
  allowNonLoopback: { touches: 'no setting', to: { allowNonLoopback: true } },
  'upstream.endpoints': {
    touches: 'nothing',
    to: (listed) => ({ upstream: { endpoints: ['tcp://127.0.0.1:9', ...listed.toReversed()] } }),
  },
  'upstream.kubernetes.service': inKubernetes(kubernetes, { service: 'prices' }),
  'upstream.kubernetes.podSelector': inKubernetes(pods, { podSelector: 'app=prices' }),
  'upstream.kubernetes.namespace': inKubernetes(kubernetes, { namespace: 'stock' }),
  'upstream.kubernetes.port': inKubernetes(kubernetes, { port: 'zmq' }),
  'upstream.dns.name': inDns({ name: 'prices.shop.svc' }),
  'upstream.dns.port': inDns({ port: 7001 }),
  'upstream.dns.interval': inDns({ interval: '7s' }),
  'upstream.subset': { touches: 'nothing', to: { upstream: { subset: 'all' } } },
  transport: { touches: 'route', to: { transport: 'libzmq' } },
  correlate: { touches: 'upstream', to: { correlate: false } },
  timeout: { touches: 'nothing', to: { timeout: '59s' } },
  attempts: { touches: 'nothing', to: { attempts: 5 } },
  deadline: { touches: 'nothing', to: { deadline: '70s' } },
  wait: { touches: 'nothing', to: { wait: 0 } },
  retryOn: { touches: 'nothing', to: { retryOn: ['unsent'] } },
  salvage: { touches: 'nothing', to: { salvage: false } },
  hedge: { touches: 'nothing', to: { hedge: '50s' } },
  'backoff.base': { touches: 'nothing', to: { backoff: { base: '1ms' } } },
  'backoff.max': { touches: 'nothing', to: { backoff: { max: '2s' } } },
  'budget.ratio': { touches: 'nothing', to: { budget: { ratio: 1 } } },
  'budget.minPerSecond': { touches: 'nothing', to: { budget: { minPerSecond: 1 } } },
  ...limits({
    ...{ inFlight: 7, inFlightBytes: '1MiB', inFlightPerEndpoint: 3, adaptive: false, inFlightPerClient: 2 },
    ...{ queue: 9, queueBytes: '32MiB', connections: 100 },
  }),
  'limits.messageBytes': { touches: 'connections', to: { limits: { messageBytes: '1MiB' } } },
  'ejection.failures': { touches: 'nothing', to: { ejection: { failures: 2 } } },
  'ejection.base': { touches: 'nothing', to: { ejection: { failures: 1, base: '2s', max: '60s' } } },
  'ejection.max': { touches: 'nothing', to: { ejection: { failures: 1, base: '59s', max: '59s' } } },
  'ejection.maxFraction': { touches: 'nothing', to: { ejection: { maxFraction: 0.6 } } },
  'connection.connectTimeout': { touches: 'upstream', to: { connection: { connectTimeout: '1s' } } },
  'connection.handshakeTimeout': { touches: 'upstream', to: { connection: { handshakeTimeout: '9s' } } },
  heartbeat: { touches: 'upstream', to: { heartbeat: 'off' } },
  failureReply: { touches: 'nothing', to: { failureReply: { format: 'silent' } } },
  'curve.serverKeyFile': withKeys({ curve: { ...curve, serverKeyFile: file(keys().publicKey) } }, 'upstream'),
  ...Object.fromEntries(
    ['curve.publicKeyFile', 'curve.secretKeyFile'].map((key) => [
      key,
      withKeys(
        {
          curve: {
            ...curve,
            publicKeyFile: file(copied.publicKey),
            secretKeyFile: file(copied.secretKey),
          },
        },
        'upstream',
      ),
    ]),
  ),
  'listenCurve.secretKeyFile': withKeys(
    { listenCurve: { ...listenCurve, secretKeyFile: file(copied.secretKey) } },
    'refused',
  ),
  'listenCurve.allowedKeysFile': withKeys(
    { listenCurve: { ...listenCurve, allowedKeysFile: file(copied.publicKey) } },
    'listener',
  ),
};

function inKubernetes(before: object, change: object): Change {
  const of = (source: object) => ({ upstream: { kubernetes: source, endpoints: undefined } });
  return { touches: 'upstream', from: of(before), to: of({ ...before, ...change }) };
}

function inDns(change: object): Change {
  const of = (source: object) => ({ upstream: { dns: source, endpoints: undefined } });
  return { touches: 'upstream', from: of(dns), to: of({ ...dns, ...change }) };
}

function limits(all: Record<string, unknown>): Record<string, Change> {
  return Object.fromEntries(
    Object.entries(all).map(([key, value]) => [
      `limits.${key}`,
      { touches: 'nothing', to: { limits: { [key]: value } } },
    ]),
  );
}

function withKeys(to: object, touches: 'upstream' | 'listener' | 'refused'): Change {
  return { touches, from: { curve, listenCurve }, to };
}

interface Schema {
  properties?: Record<string, Schema>;
  items?: Schema;
}

/** The path of each key that holds a value. */
function pathsOf({ properties }: Schema): string[] {
  return Object.entries(properties ?? {}).flatMap(([key, schema]) =>
    schema.properties === undefined ? [key] : pathsOf(schema).map((path) => `${key}.${path}`),
  );
}

test('it is known of each key of a route what a reload of it touches', () => {
  const routes = (jsonSchema() as Schema).properties?.['routes']?.items ?? {};
  assert.deepEqual(Object.keys(CHANGES).sort(), pathsOf(routes).sort());
});

/** A route in use: of two endpoints one is ejected, and the other one has a latency and holds a request. */
async function startInUse(t: TestContext, from: object) {
  const held = Promise.withResolvers<void>();
  const good = await ScriptedUpstream.start((body) =>
    body === 'held' ? { do: 'hold', until: held.promise } : reply,
  );
  const bad = await ScriptedUpstream.start(garbage('no delimiter'));
  t.after(() => [good, bad].forEach((one) => void one.close()));
  const relay = await countingRelay(t, good.address);
  const endpoints = [relay.address, bad.address];
  const events: RecordedEvent[] = [];
  const told = new Events((error) => assert.fail(String(error)));
  recordEvents(told, (event) => events.push(event));
  const routes = new Routes({ events: told, self: '', discoveryOf: () => new StaticDiscovery(endpoints) });
  const listen = `ipc://${join(scratch(), 'app.sock')}`;
  const configOf = (changed: { upstream?: object } = {}) => {
    const keys = {
      ...{ name: 'a', listen, timeout: '60s', ejection: { failures: 1, base: '60s' } },
      ...from,
    };
    const upstream = { endpoints, ...('upstream' in from && (from.upstream as object)), ...changed.upstream };
    const text = JSON.stringify({ routes: [{ ...keys, ...changed, upstream }] });
    return loadConfig({ env: {}, flags: {}, text });
  };
  await routes.bind(configOf().routes);
  const stop = new AbortController();
  const running = routes.run(stop.signal);
  t.after(async () => {
    stop.abort();
    await running;
  });
  const [route] = routes.all;
  assert.ok(route !== undefined);
  const ask = async (app: RawApp, text: string) => {
    await app.send(requestOf(text));
    await app.until((came) => came.includes(text));
  };
  const [app, other] = [await RawApp.connect(t, listen), await RawApp.connect(t, listen)];
  const count = (kind: RecordedEvent['kind'], to?: string) =>
    events.filter((one) => one.kind === kind && (to === undefined || ('to' in one && one.to === to))).length;
  await until('both are up', () => count('endpoint', 'up') === 2);
  for (let number = 0; count('endpoint', 'ejected') === 0; number++) await ask(app, `to eject ${number}`);
  const holding = ask(other, 'held');
  await until('it is at the upstream', () => good.seen.includes('held'));
  // From now on one connection carries the held request, and another one is idle.
  await ask(app, 'before');
  return { routes, route, configOf, relay, good, bad, events, count, ask, app, held, holding };
}

for (const [key, { touches, from = {}, to }] of Object.entries(CHANGES)) {
  if (from !== undefined && 'curve' in from) continue;
  test(`a reload of ${key} touches ${touches}, and no request in flight`, async (t) => {
    const inUse = await startInUse(t, from);
    const { routes, route, configOf, relay, good, bad, events, count, held, holding } = inUse;
    const status = (address: string) => route.status().endpoints.find((one) => one.address === address);
    const listed = [relay.address, bad.address];
    const wanted = configOf(typeof to === 'function' ? to(listed) : to);
    const memory = () => [status(relay.address)?.latencyMs, status(bad.address)?.state];
    const connections = relay.connections;
    const before = memory();
    assert.equal(before[1], 'ejected');
    events.length = 0;
    const { endpoints: _, ...changes } = (await routes.prepare(wanted)).commit();
    const [name = 'a'] = wanted.routes.map((one) => one.name);
    if (touches === 'route') {
      assert.deepEqual(changes, { added: [name], changed: [], removed: ['a'] });
      assert.notEqual(routes.all[0], route);
    } else {
      assert.deepEqual(changes, { added: [], changed: touches === 'no setting' ? [] : [name], removed: [] });
      assert.deepEqual(routes.all, [route]);
      assert.equal(count('listening'), 0);
    }
    if (touches === 'upstream') {
      await until('another upstream is used', () => count('upstreamSwitched') === 1);
      assert.equal(status(bad.address)?.state === 'ejected', false);
    } else assert.deepEqual(memory(), before);
    if (touches === 'upstream' || touches === 'connections')
      await until('there are new connections', () => relay.connections > connections);
    if (touches === 'nothing' || touches === 'no setting') {
      await inUse.ask(inUse.app, 'after');
      assert.equal(relay.connections, connections);
      assert.deepEqual(
        events.filter(
          (one) =>
            one.kind === 'upstreamSwitched' ||
            ((one.kind === 'endpoint' || one.kind === 'reset') && listed.includes(one.endpoint)),
        ),
        [],
      );
    }
    held.resolve();
    await holding;
    assert.equal(good.seen.filter((body) => body === 'held').length, 1);
  });
}

for (const [key, { touches, from = {}, to }] of Object.entries(CHANGES)) {
  if (!('curve' in from)) continue;
  const base = { name: 'a', listen: 'tcp://127.0.0.1:0', upstream: { endpoints: ['tcp://127.0.0.1:9'] } };
  const configOf = (changed: object) =>
    loadConfig({ env: {}, flags: {}, text: JSON.stringify({ routes: [{ ...base, ...from, ...changed }] }) });
  if (touches === 'refused')
    test(`a reload of ${key} is refused`, async (t) => {
      const told = new Events((error) => assert.fail(String(error)));
      const routes = new Routes({ events: told, self: '', discoveryOf: () => new StaticDiscovery([]) });
      await routes.bind(configOf({}).routes);
      t.after(() => routes.close());
      await assert.rejects(
        routes.prepare(configOf(to)),
        /cannot be changed at run time; restart the sidecar/,
      );
    });
  else
    test(`a reload of ${key} changes only the settings of the ${touches}`, () => {
      const [[before], [after]] = [configOf({}).routes, configOf(to).routes];
      assert.ok(before !== undefined && after !== undefined);
      const groups = Object.keys(before) as (keyof RouteSettings)[];
      assert.deepEqual(
        groups.filter((group) => !isDeepStrictEqual(before[group], after[group])),
        [touches],
      );
    });
}
