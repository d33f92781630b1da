import { setTimeout } from 'node:timers/promises';
import { ApiServer, slice } from '../support/api-server.ts';
import { cpuMs, descriptors, rssMiB } from '../support/process.ts';
import { type RunningSidecar, startSidecar } from '../support/program.ts';
import { MountedConfig } from '../support/reloads.ts';
import { Deployment } from '../support/rolling-update.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import type { Benchmark } from './bench.ts';
import { quantile } from './figures.ts';

const PHASE_MS = 10_000;

/** Under steady traffic: 5 endpoints that answer, then 1,000 more at once that do not (it tries to connect to all), then 100 changes a second. */
export const endpoints: Benchmark = async (scope) => {
  const server = await ApiServer.start(scope);
  const deployment = new Deployment(scope, server);
  for (const pod of await Promise.all(Array.from({ length: 5 }, () => deployment.start()))) {
    deployment.ready(pod);
  }
  const upstream = { kubernetes: { service: 'orders', port: 'zmq' }, subset: 'all' };
  const routes = [{ name: 'orders', listen: 'tcp://127.0.0.1:0', upstream }];
  const { path } = new MountedConfig(scope, { routes });
  const env = { KUBECONFIG: server.kubeconfig(scope) };
  const sidecar = await startSidecar(scope, ['--config', path], { env });
  await setTimeout(2_000);
  await phase('5 endpoints', sidecar, async () => setTimeout(PHASE_MS));
  await phase('1,000 more at once', sidecar, async () => {
    for (let part = 0; part < 10; part++) server.put('endpointslices', many(part, 0));
    await setTimeout(PHASE_MS);
  });
  await phase('100 changes a second', sidecar, async () => {
    for (let change = 0; change < PHASE_MS / 10; change++) {
      server.put('endpointslices', many(change % 10, change));
      await setTimeout(10);
    }
  });
};

/** 100 addresses of this machine where nobody listens. Each change replaces one of them. */
function many(part: number, change: number) {
  const ips = Array.from({ length: 100 }, (_, index) => `127.${100 + part}.0.${index + 1}`);
  ips[change % 100] = `127.${100 + part}.1.${(change % 250) + 1}`;
  return slice(
    `many-${part}`,
    ips.map((ip) => ({ ip })),
    9,
  );
}

async function phase(name: string, { program, address }: RunningSidecar, during: () => Promise<void>) {
  const load = new SteadyLoad(address, 500, undefined, Number.POSITIVE_INFINITY);
  const [sinceMs, beforeMs] = [performance.now(), cpuMs(program.pid)];
  await during();
  const share = (cpuMs(program.pid) - beforeMs) / (performance.now() - sinceMs);
  await load.stop();
  const took = load.samples.map(({ tookMs }) => tookMs);
  console.log(
    `${name}: CPU ${(share * 100).toFixed(0)} %, RSS ${rssMiB(program.pid).toFixed(0)} MiB, ${descriptors(program.pid)} descriptors; ${load.samples.length} requests, ${load.failures.length} failed, p50 ${quantile(took, 0.5).toFixed(1)} p99 ${quantile(took, 0.99).toFixed(1)} ms`,
  );
}
