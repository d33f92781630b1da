import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { loadConfig } from '../../src/config/load-config.ts';
import { StaticDiscovery } from '../../src/discovery/static.ts';
import { Events } from '../../src/proxy/events.ts';
import { Routes } from '../../src/sidecar/routes.ts';
import { libzmq } from '../../src/transport/zeromq/zeromq-transport.ts';
import { zmtp } from '../../src/transport/zmtp/zmtp-transport.ts';
import { ask } from '../support/ask.ts';
import { Program, type Scope, startServe } from '../support/program.ts';
import { configsFor, MountedConfig } from '../support/reloads.ts';
import { scratch } from '../support/scratch.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import { until } from '../support/until.ts';

async function start(t: Scope, config: object) {
  const mounted = new MountedConfig(t, config);
  const program = Program.lazypirate(t, ['run', '--config', mounted.path, '--log-level', 'info']);
  const [{ address }, { address: admin }] = await Promise.all([
    program.logged('listening'),
    program.logged('admin listening'),
  ]);
  return { mounted, program, address: String(address), admin: `http://${String(admin)}` };
}

/** How many lines of the log say this. */
const count = (program: Program, message: string) =>
  program.stdout.filter((line) => line.includes(`"msg":"${message}"`)).length;

async function untilCount(program: Program, message: string, wanted: number): Promise<void> {
  await until(`${wanted} times ${message}`, () => count(program, message) >= wanted);
}

test('every kind of change is applied or refused under load without losing a request', async (t) => {
  const upstreams = await Promise.all([0, 1, 2].map(() => startServe(t, ['--delay', '3ms'])));
  const configs = configsFor(upstreams.map(({ address }) => address));
  const { mounted, program, address } = await start(t, configs[0] ?? {});
  await ask(address, 'first');
  const load = new SteadyLoad(address, 200);
  let [applied, refused] = [0, 0];
  for (const config of [...configs.slice(1), configs[0]]) {
    mounted.write(config === undefined ? 'routes: 7' : JSON.stringify(config));
    if (config === undefined) refused++;
    else applied++;
    await untilCount(program, 'reload applied', applied);
    await untilCount(program, 'reload refused', refused);
    const before = load.samples.length;
    await until('requests are answered under it', () => load.samples.length >= before + 10);
  }
  await load.stop();
  assert.deepEqual(load.failures, []);
  assert.equal(load.crossed, 0);
});

test('a change is logged with what it did, a refused one with what is wrong, once', async (t) => {
  const { address: endpoint } = await startServe(t);
  const [config = {}] = configsFor([endpoint]);
  const { mounted, program, address, admin } = await start(t, config);
  const another = 'tcp://127.0.0.1:9';
  mounted.write(JSON.stringify(configsFor([endpoint, another])[7]));
  const { added, changed, removed, endpoints } = await program.logged('reload applied');
  assert.deepEqual([added, changed, removed], [['prices'], ['orders'], []]);
  assert.deepEqual(endpoints, [{ route: 'orders', added: [another], removed: [] }]);
  mounted.write('routes:\n  - name: orders\n    timout: 1s\n');
  const { level, problems } = await program.logged('reload refused');
  assert.equal(level, 'error');
  assert.match(
    String(problems),
    /config\.yaml:3:5: routes\[0\]\.timout: is not a known key.*did you mean timeout/,
  );
  assert.equal((await ask(address, 'still')).text, 'still');
  const metrics = await (await fetch(`${admin}/metrics`)).text();
  assert.match(metrics, /^lazypirate_config_reloads_total\{result="success"\} 1$/m);
  assert.match(metrics, /^lazypirate_config_reloads_total\{result="failure"\} 1$/m);
  assert.match(metrics, /^lazypirate_config_last_reload_successful 0$/m);
});

test('if a listener cannot be bound, the whole change is refused', async (t) => {
  const { address: endpoint } = await startServe(t);
  const [config = {}] = configsFor([endpoint]);
  const { mounted, program, address } = await start(t, config);
  const taken = { name: 'prices', listen: endpoint, upstream: { endpoints: ['tcp://127.0.0.1:1'] } };
  const routes = (config as { routes: object[] }).routes;
  mounted.write(JSON.stringify({ ...config, routes: [{ ...routes[0], attempts: 7 }, taken] }));
  const { problems } = await program.logged('reload refused');
  assert.match(String(problems), /route prices: cannot listen on .*: another process listens there/);
  assert.equal((await ask(address, 'still')).text, 'still');
});

test('a message size that needs a restart of the listener of libzmq is refused', async (t) => {
  const { address: endpoint } = await startServe(t);
  const [config = {}] = configsFor([endpoint]);
  const [route] = (config as { routes: object[] }).routes;
  const sized = (messageBytes: string) => ({
    ...config,
    routes: [{ ...route, transport: 'libzmq', limits: { messageBytes } }],
  });
  const { mounted, program } = await start(t, sized('16MiB'));
  mounted.write(JSON.stringify(sized('33MiB')));
  const { problems } = await program.logged('reload refused');
  assert.match(
    String(problems),
    /route orders: limits\.messageBytes can be raised to at most 33554432 .* restart/,
  );
  mounted.write(JSON.stringify(sized('32MiB')));
  await program.logged('reload applied');
  assert.deepEqual(program.stderr, []);
});

test('SIGUSR1 turns debug lines on for a while and off again, and opens no debugger', async (t) => {
  const { program } = await start(t, configsFor(['tcp://127.0.0.1:1'])[0] ?? {});
  program.kill('SIGUSR1');
  const { by, logLevel, until: end } = await program.logged('log changed for a while');
  assert.deepEqual([by, logLevel], ['SIGUSR1', 'debug']);
  assert.ok(Date.parse(String(end)) > Date.now());
  program.kill('SIGUSR1');
  assert.equal((await program.logged('log is as configured again'))['logLevel'], 'info');
  program.kill('SIGTERM');
  assert.deepEqual(await program.ended, { code: 0, signal: null });
  assert.deepEqual(program.stderr, []);
});

test('SIGHUP forces a reload', async (t) => {
  const { address: endpoint } = await startServe(t);
  const { program, address } = await start(t, configsFor([endpoint])[0] ?? {});
  program.kill('SIGHUP');
  const { added, changed } = await program.logged('reload applied');
  assert.deepEqual([added, changed], [[], []]);
  assert.equal((await ask(address, 'still')).text, 'still');
  program.kill('SIGTERM');
  assert.equal((await program.ended).code, 0);
});

test('an app of a route that is removed is served until it is quiet', async (t) => {
  const release = Promise.withResolvers<void>();
  const upstream = await ScriptedUpstream.start({ do: 'hold', until: release.promise });
  t.after(() => upstream.close());
  const configs = configsFor([upstream.address]);
  const { mounted, program } = await start(t, configs[7] ?? {});
  await untilCount(program, 'listening', 2);
  const prices = await program.line((line) => {
    const entry = JSON.parse(line) as { route?: string; msg?: string; address?: string };
    return entry.msg === 'listening' && entry.route === 'prices' ? entry.address : undefined;
  });
  const asking = ask(prices, 'last');
  await until('it is at the upstream', () => upstream.seen.length > 0);
  mounted.write(JSON.stringify(configs[0]));
  const { removed } = await program.logged('reload applied');
  assert.deepEqual(removed, ['prices']);
  release.resolve();
  assert.equal((await asking).text, 'last');
});

/** An upstream that holds every request, and a configuration for it with each transport. */
async function holding(t: TestContext) {
  const release = Promise.withResolvers<void>();
  const upstream = await ScriptedUpstream.start({ do: 'hold', until: release.promise });
  t.after(() => {
    release.resolve();
    upstream.close();
  });
  const listen = `ipc://${scratch()}/orders.sock`;
  const config = (transport: string) => ({
    admin: { listen: '127.0.0.1:0' },
    routes: [{ name: 'orders', listen, transport, upstream: { endpoints: [upstream.address] } }],
  });
  return { release, upstream, listen, config };
}

test('the pod stays ready while a route that gave its listener to another transport finishes', async (t) => {
  const { release, upstream, listen, config } = await holding(t);
  const { mounted, program, admin } = await start(t, config('zmtp'));
  const asking = ask(listen, 'last');
  await until('it is at the upstream', () => upstream.seen.length > 0);
  mounted.write(JSON.stringify(config('libzmq')));
  await program.logged('reload applied');
  assert.equal(await (await fetch(`${admin}/readyz`)).text(), 'ok: every route is listening\n');
  release.resolve();
  assert.equal((await asking).text, 'last');
});

test('a listener that goes back to a transport whose route still finishes is bound again', async (t) => {
  const { release, upstream, listen, config } = await holding(t);
  const { mounted, program } = await start(t, config('zmtp'));
  const asking = ask(listen, 'first');
  await until('it is at the upstream', () => upstream.seen.length > 0);
  mounted.write(JSON.stringify(config('libzmq')));
  await untilCount(program, 'reload applied', 1);
  mounted.write(JSON.stringify(config('zmtp')));
  await untilCount(program, 'reload applied', 2);
  const again = ask(listen, 'again');
  await until('the other is at the upstream too', () => upstream.seen.includes('again'));
  release.resolve();
  assert.deepEqual([(await asking).text, (await again).text], ['first', 'again']);
});

test('a route that is removed and wanted again keeps its listener', async (t) => {
  const { address: endpoint } = await startServe(t);
  const [config = {}] = configsFor([endpoint]);
  const { mounted, program, address } = await start(t, config);
  const elsewhere = { name: 'prices', listen: 'tcp://127.0.0.1:0', upstream: { endpoints: [endpoint] } };
  // As long as its app asks, it does not leave.
  const load = new SteadyLoad(address, 50);
  mounted.write(JSON.stringify({ ...config, drain: { quiet: '3s' }, routes: [elsewhere] }));
  await untilCount(program, 'reload applied', 1);
  mounted.write(JSON.stringify(config));
  await untilCount(program, 'reload applied', 2);
  await load.stop();
  assert.deepEqual(load.failures, []);
  // Longer than it would have taken to leave.
  await setTimeout(3_500);
  assert.equal((await ask(address, 'after')).text, 'after');
});

test('a route that is wanted again does not end while the change is prepared', async (t) => {
  const upstream = await ScriptedUpstream.start();
  t.after(() => upstream.close());
  const configOf = (...names: string[]) => {
    const route = { listen: 'tcp://127.0.0.1:0', upstream: { endpoints: [upstream.address] } };
    const routes = names.map((name) => ({ name, ...route }));
    return loadConfig({ env: {}, flags: {}, text: JSON.stringify({ drain: { quiet: '20ms' }, routes }) });
  };
  const routes = new Routes({
    events: new Events(() => undefined),
    self: '',
    discoveryOf: () => new StaticDiscovery([upstream.address]),
  });
  await routes.bind(configOf('orders', 'prices').routes);
  const stop = new AbortController();
  const running = routes.run(stop.signal);
  t.after(async () => {
    stop.abort();
    await running;
  });
  const addressOf = (name: string) =>
    routes.all.find(({ settings }) => settings.name === name)?.status().listening ?? '';
  const address = addressOf('prices');
  (await routes.prepare(configOf('orders'))).commit();

  // Far longer than it would stay.
  const prepared = await routes.prepare(configOf('orders', 'prices'));
  await setTimeout(100);
  assert.equal(addressOf('prices'), address);
  prepared.abandon();
  await until('it has left after all', () => addressOf('prices') === '');

  const again = await routes.prepare(configOf('orders', 'prices'));
  await setTimeout(100);
  assert.deepEqual(again.commit().added, ['prices']);
  assert.equal((await ask(addressOf('prices'), 'hello')).text, 'hello');

  // As after a change that could be neither made nor reverted.
  await routes.all[0]?.release();
  assert.equal(addressOf('orders'), '');
  (await routes.prepare(configOf('orders', 'prices'))).commit();
  assert.equal((await ask(addressOf('orders'), 'hello')).text, 'hello');
});

for (const [name, transport] of Object.entries({ zmtp, libzmq })) {
  for (const kind of ['a port', 'a path', 'an abstract name']) {
    test(`${name}: ${kind} can be listened at again as soon as it was closed`, async () => {
      const owner = { joined: () => assert.fail('nobody connects'), refused: () => undefined };
      const bytes = 1_024;
      const policy = {
        mode: undefined,
        connections: 10,
        messageBytes: bytes,
        unreadBytes: bytes,
        allowedKeys: [],
      };
      const path = join(scratch(), 'app.sock');
      let address = { 'a port': 'tcp://127.0.0.1:0', 'a path': `ipc://${path}` }[kind] ?? `ipc://@${path}`;
      for (let times = 0; times < 50; times++) {
        const listener = await transport.listen({ address, secretKey: undefined }, policy, owner);
        // The port that the system chose the first time.
        address = listener.address;
        await listener.close(0);
      }
    });
  }
}

test('a reload turns the metrics of each endpoint on and off', async (t) => {
  const { address: endpoint } = await startServe(t);
  const [config = {}] = configsFor([endpoint]);
  const { mounted, program, address, admin } = await start(t, config);
  const attempts = async () => {
    const text = await (await fetch(`${admin}/metrics`)).text();
    const found = /^lazypirate_endpoint_attempts_total\{.*address="(.*)",result="ok"\} (\d+)$/m.exec(text);
    return found === null ? undefined : [found[1], Number(found[2])];
  };
  await ask(address, 'not counted');
  assert.equal(await attempts(), undefined);
  mounted.write(JSON.stringify({ ...config, metrics: { perEndpoint: true } }));
  await untilCount(program, 'reload applied', 1);
  await ask(address, 'counted');
  assert.deepEqual(await attempts(), [endpoint, 1]);
  mounted.write(JSON.stringify(config));
  await untilCount(program, 'reload applied', 2);
  assert.equal(await attempts(), undefined);
});
