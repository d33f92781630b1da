import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiServer, slice } from '../support/api-server.ts';
import { ask } from '../support/ask.ts';
import { build } from '../support/built.ts';
import { type ProgramOptions, type Scope, startSidecar } from '../support/program.ts';
import { Deployment, rollingUpdate } from '../support/rolling-update.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import { until } from '../support/until.ts';

async function start(t: Scope, pods: number, options: ProgramOptions = {}) {
  const server = await ApiServer.start(t);
  const deployment = new Deployment(t, server);
  const all = await Promise.all(Array.from({ length: pods }, () => deployment.start()));
  for (const pod of all) deployment.ready(pod);
  const sidecar = await startSidecar(
    t,
    ['--listen', 'tcp://127.0.0.1:0', '--upstream', 'service/orders:zmq'],
    { ...options, env: { KUBECONFIG: server.kubeconfig(t), POD_NAME: 'app-1' } },
  );
  return { server, deployment, pods: all, sidecar };
}

test('a rolling update loses no request', async (t) => {
  const { deployment, pods, sidecar } = await start(t, 3);
  await ask(sidecar.address, 'first');
  const load = new SteadyLoad(sidecar.address, 200);
  const replacements = await rollingUpdate(deployment, pods, 500);
  await load.stop();
  assert.deepEqual(load.failures, []);
  assert.equal(load.crossed, 0);
  for (const { lateWork, work } of replacements) {
    // Where it is in use, an old one gets as much as a new one. Both are told in one moment, but not on one connection.
    assert.ok(lateWork < work / 4, `${lateWork} requests after the new one had its first, which has ${work}`);
  }
});

test('the bundle finds and follows its endpoints', async (t) => {
  const { server, deployment, pods, sidecar } = await start(t, 1, { main: build() });
  assert.equal((await ask(sidecar.address, 'one')).text, 'one');
  server.cut();
  await sidecar.program.logged('discovery lost');
  await sidecar.program.logged('discovery regained');
  const fresh = await deployment.start();
  deployment.ready(fresh);
  for (const pod of pods) deployment.gone(pod);
  await until('the new pod is asked', async () => {
    assert.equal((await ask(sidecar.address, 'two')).text, 'two');
    return fresh.arrivals().length > 0;
  });
  assert.deepEqual(sidecar.program.stderr, []);
});

test('an API server that is lost and comes back is logged in one line each, and the last set stays in use', async (t) => {
  const { server, sidecar, pods } = await start(t, 1);
  assert.equal((await ask(sidecar.address, 'one')).text, 'one');
  server.fault = { list: { status: 500 }, watch: 'cut' };
  server.cut();
  await sidecar.program.logged('discovery lost');
  const unreachable = 'lazypirate_discovery_errors_total{route="default",reason="unreachable"}';
  await until('three errors are counted', async () => (await sidecar.metric(unreachable)) >= 3);
  assert.equal((await ask(sidecar.address, 'two')).text, 'two');
  const mendedS = Date.now() / 1_000;
  server.fault = {};
  await sidecar.program.logged('discovery regained');
  const lines = sidecar.program.stdout.filter((line) => line.includes('discovery lost'));
  assert.ok(lines.length <= 2, `the cut, and then the answers: ${lines.join('\n')}`);
  const synced = await sidecar.metric('lazypirate_discovery_last_sync_timestamp_seconds{route="default"}');
  assert.ok(synced >= mendedS, `${synced} where it was mended at ${mendedS}`);
  assert.ok(pods[0]?.arrivals().length === 2);
});

test('a missing Service or port is shown in the log, in /status and in the failure reply', async (t) => {
  const server = await ApiServer.start(t);
  server.put('endpointslices', slice('orders-a', [{ ip: '127.0.0.1' }]));
  const rows = [
    [
      'order:zmq',
      'there is no EndpointSlice of Service order in namespace shop; check its name and namespace',
    ],
    ['orders:smq', 'Service orders in namespace shop has no port named "smq"; its ports: "zmq" (7000)'],
  ] as const;
  for (const [upstream, why] of rows) {
    const args = ['--listen', 'tcp://127.0.0.1:0', '--upstream', `service/${upstream}`, '--timeout', '10ms'];
    const env = { KUBECONFIG: server.kubeconfig(t) };
    const { program, address, inspect } = await startSidecar(t, args, { env });
    const line = await program.logged('discovery found no endpoints');
    assert.deepEqual([line['level'], line['route'], line['why']], ['warn', 'default', why]);
    const { failure } = await ask(address, 'one');
    assert.deepEqual([failure?.code, failure?.message], ['NO_ENDPOINTS', `no endpoint is known: ${why}`]);
    const status = JSON.parse(await (await fetch(`${inspect}/status`)).text());
    assert.deepEqual([status.routes[0].discovery.state, status.routes[0].discovery.why], ['live', why]);
  }
});

test('the Kubernetes client is loaded only for Kubernetes discovery', async (t) => {
  const server = await ApiServer.start(t);
  // Prints the address of each module as it is loaded.
  const hook = `import { registerHooks } from 'node:module';
    registerHooks({ load: (url, context, next) => (process._rawDebug('load', url), next(url, context)) });`;
  const env = {
    NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(hook)}`,
    KUBECONFIG: server.kubeconfig(t),
  };
  const loadsClient = async (upstream: string) => {
    const { program } = await startSidecar(t, ['--listen', 'tcp://127.0.0.1:0', '--upstream', upstream], {
      env,
    });
    assert.ok(
      program.stderr.some((line) => line.includes('/command-line.cjs')),
      'what is loaded is seen',
    );
    program.kill('SIGTERM');
    await program.ended;
    return program.stderr.some((line) => line.includes('/kubernetes-client.cjs'));
  };
  assert.equal(await loadsClient('tcp://127.0.0.1:7000'), false);
  assert.equal(await loadsClient('service/orders:zmq'), true);
});
