import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { createLog, type Log } from '../../src/ops/log/log.ts';
import { Sidecar } from '../../src/sidecar/sidecar.ts';
import { ask } from '../support/ask.ts';
import { delay, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';

interface Running {
  lines: Record<string, unknown>[];
  logged(message: string): Record<string, unknown> | undefined;
  stop: AbortController;
  /** As a change of the file does. */
  reload(load: () => Config): Promise<void>;
}

interface Refused {
  at: string;
  problems: string[];
}

function configOf(upstream: ScriptedUpstream, ...names: string[]): Config {
  const route = { listen: 'tcp://127.0.0.1:0', upstream: { endpoints: [upstream.address] } };
  const routes = names.map((name) => ({ name, ...route }));
  const settings = {
    log: { sample: 1 },
    admin: { listen: '127.0.0.1:0', inspect: '127.0.0.1:0' },
    drain: { quiet: 0 },
  };
  return loadConfig({ env: {}, flags: {}, text: JSON.stringify({ routes, ...settings }) });
}

/** A sidecar in this process that listens. */
async function start(
  t: TestContext,
  config: Config,
  prepare: (log: Log) => void = () => undefined,
): Promise<Running> {
  const lines: Record<string, unknown>[] = [];
  const destination = new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      lines.push(JSON.parse(text));
      done();
    },
  });
  const log = createLog({ level: 'info', version: '1.2.3', env: {}, destination });
  prepare(log);
  const stop = new AbortController();
  const reloading = Promise.withResolvers<Running['reload']>();
  const changes = {
    run: (reload: Running['reload'], signal: AbortSignal) => {
      reloading.resolve(reload);
      return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    },
  };
  const versions = { lazypirate: '1.2.3', node: process.version, zeromq: 'any' };
  const running = new Sidecar(config, log, versions, {}).run(stop.signal, changes);
  t.after(async () => {
    stop.abort('SIGTERM');
    await running;
  });
  const logged = (message: string) => lines.find(({ msg }) => msg === message);
  await until('it listens', () => logged('listening') !== undefined);
  return { lines, logged, stop, reload: await reloading.promise };
}

test('an error while reporting a request is logged, and does not affect the request', async (t) => {
  const upstream = await ScriptedUpstream.start();
  t.after(() => upstream.close());
  const { logged } = await start(t, configOf(upstream, 'orders'), (log) => {
    const { info } = log;
    log.info = ((what: object, message: string) => {
      if (message === 'answered') throw new Error('a bug');
      info.call(log, what, message);
    }) as typeof info;
  });
  const answer = await ask(String(logged('listening')?.['address']), 'hello');
  assert.equal(answer.text, 'hello');
  const { level, event, err } = logged('internal error') ?? {};
  assert.deepEqual([level, event, (err as Error | undefined)?.message], ['error', 'settled', 'a bug']);
});

test('a configuration that cannot be read for an unexpected reason is refused', async (t) => {
  const upstream = await ScriptedUpstream.start();
  t.after(() => upstream.close());
  const { logged, reload } = await start(t, configOf(upstream, 'orders'));
  await reload(() => {
    throw new RangeError('too deep');
  });
  assert.equal((logged('internal error')?.['err'] as Error | undefined)?.message, 'too deep');
  assert.equal((await ask(String(logged('listening')?.['address']), 'hello')).text, 'hello');
});

test('a refused change is shown in the status until one is applied', async (t) => {
  const upstream = await ScriptedUpstream.start();
  t.after(() => upstream.close());
  const config = configOf(upstream, 'orders');
  const { logged, reload } = await start(t, config);
  const inspect = `http://${String(logged('inspect listening')?.['address'])}`;
  const refused = async () => {
    const status = (await (await fetch(`${inspect}/status`)).json()) as { refusedReload: Refused | null };
    return status.refusedReload;
  };
  const sinceMs = Date.now();
  assert.equal(await refused(), null);
  await reload(() => loadConfig({ env: {}, flags: {}, text: 'routes: 7' }));
  const { at, problems } = (await refused()) ?? { at: '', problems: [] };
  assert.ok(Date.parse(at) >= sinceMs && Date.parse(at) <= Date.now(), at);
  assert.deepEqual(problems, logged('reload refused')?.['problems']);
  await reload(() => {
    throw new RangeError('too deep');
  });
  assert.deepEqual((await refused())?.problems, ['internal error: too deep']);
  await reload(() => config);
  assert.equal(await refused(), null);
});

test('a change that is still being prepared at SIGTERM is given up', async (t) => {
  const upstream = await ScriptedUpstream.start();
  t.after(() => upstream.close());
  const { lines, logged, stop, reload } = await start(t, configOf(upstream, 'orders'));
  const changed = configOf(upstream, 'orders', 'prices');
  await reload(() => {
    stop.abort('SIGTERM');
    return changed;
  });
  await until('it has drained', () => logged('drained') !== undefined);
  assert.equal(logged('reload applied'), undefined);
  assert.equal(lines.filter(({ msg, route }) => msg === 'listening' && route === 'orders').length, 1);
});

test('the configuration in force is shown, with its hash on the status and the metrics, and changes with a reload', async (t) => {
  const upstream = await ScriptedUpstream.start();
  t.after(() => upstream.close());
  const { logged, reload } = await start(t, configOf(upstream, 'orders'));
  const url = `http://${String(logged('inspect listening')?.['address'])}`;
  const get = async (path: string) => (await fetch(`${url}${path}`)).text();
  const shown = async () => {
    const { hash, source, loadedAt, config, origins } = JSON.parse(await get('/config'));
    assert.deepEqual(JSON.parse(await get('/status')).config, { hash, source, loadedAt });
    const [, labelled] = /^lazypirate_config_info\{hash="(.*)"\} 1$/m.exec(await get('/metrics')) ?? [];
    assert.equal(labelled, hash);
    return { hash, loadedAt, config, origins };
  };
  const before = await shown();
  assert.deepEqual(before.config.routes[0].upstream, { endpoints: [upstream.address], subset: 64 });
  assert.equal(before.origins['routes[0].timeout'], 'default');
  const changed = configOf(upstream, 'orders', 'prices');
  await until('the clock shows another time', () => Date.now() > Date.parse(before.loadedAt));
  await reload(() => changed);
  const after = await shown();
  assert.deepEqual([after.config.routes.length, after.hash], [2, changed.shown.hash]);
  assert.notEqual(after.hash, before.hash);
  assert.ok(after.loadedAt > before.loadedAt);
  await reload(() => loadConfig({ env: {}, flags: {}, text: 'routes: 7' }));
  assert.deepEqual(await shown(), after, 'a refused change is not in force');
  const yaml = await get('/config?format=yaml');
  assert.match(yaml, new RegExp(`^# no file, loaded at ${after.loadedAt}, hash ${after.hash}\n`));
  assert.equal(loadConfig({ env: {}, flags: {}, text: yaml }).shown.hash, after.hash);
});

test('a PUT changes which lines and which requests are logged, and a reload does not undo it', async (t) => {
  const upstream = await ScriptedUpstream.start(delay(50));
  t.after(() => upstream.close());
  const config = configOf(upstream, 'orders');
  const { logged, lines, reload } = await start(t, config);
  const url = `http://${String(logged('inspect listening')?.['address'])}/log`;
  const put = async (body: object) => {
    const response = await fetch(url, { method: 'PUT', body: JSON.stringify(body) });
    return (await response.json()) as { until: string };
  };
  const address = String(logged('listening')?.['address']);
  await ask(address, 'hello');
  const answered = () => lines.filter(({ msg }) => msg === 'answered').length;
  await until('it is logged', () => answered() === 1);
  await put({ sample: 0 });
  await ask(address, 'hello');
  await put({ slow: '10ms' });
  await ask(address, 'hello');
  await until('it is logged as slow', () => logged('slow') !== undefined);
  assert.equal(answered(), 1, 'the one before the changes');
  const { until: end } = await put({ level: 'warn', for: '1h' });
  assert.equal(lines.findLast(({ msg }) => msg === 'log changed for a while')?.['until'], end);
  await reload(() => config);
  assert.equal(logged('reload applied'), undefined, 'the level stays');
  const status = (await (await fetch(url.replace('/log', '/status'))).json()) as { log: object };
  assert.deepEqual(status.log, { level: 'warn', sample: 0, slowMs: 10, until: end });
  const refused = await fetch(url, { method: 'PUT', body: '{"level":"loud"}' });
  assert.deepEqual([refused.status, (await refused.text()).slice(0, 21)], [400, 'level must be one of ']);
  await put({ for: 0 });
  await ask(address, 'hello');
  await until('it is logged again', () => answered() === 2);
});
