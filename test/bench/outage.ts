import { setTimeout } from 'node:timers/promises';
import { ApiServer } from '../support/api-server.ts';
import { startSidecar } from '../support/program.ts';
import { MountedConfig } from '../support/reloads.ts';
import { Deployment } from '../support/rolling-update.ts';
import { monotonicMs } from '../support/stall-recorder.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import type { Benchmark } from './bench.ts';
import { quantile } from './figures.ts';

const OUTAGE_MS = 30_000;

/** All 5 upstreams disappear for 30 s, then one comes back: once with `wait: 0` and once with the default. */
export const outage: Benchmark = async (scope) => {
  for (const [name, keys] of Object.entries({ 'wait: 0': { wait: 0 }, 'the default wait': {} })) {
    const server = await ApiServer.start(scope);
    const deployment = new Deployment(scope, server);
    const pods = await Promise.all(Array.from({ length: 5 }, () => deployment.start()));
    for (const pod of pods) deployment.ready(pod);
    const upstream = { kubernetes: { service: 'orders', port: 'zmq' } };
    const routes = [{ name: 'orders', listen: 'tcp://127.0.0.1:0', upstream, ...keys }];
    const { path } = new MountedConfig(scope, { routes });
    const env = { KUBECONFIG: server.kubeconfig(scope) };
    const { address } = await startSidecar(scope, ['--config', path], { env });
    const load = new SteadyLoad(address, 100, undefined, Number.POSITIVE_INFINITY);
    await setTimeout(2_000);
    const goneMs = monotonicMs();
    for (const pod of pods) {
      deployment.gone(pod);
      pod.program.kill('SIGKILL');
    }
    await Promise.all(pods.map(({ program }) => program.ended));
    await setTimeout(OUTAGE_MS);
    const fresh = await deployment.start();
    deployment.ready(fresh);
    const backMs = monotonicMs();
    await setTimeout(3_000);
    await load.stop();
    report(name, load, goneMs, backMs);
  }
};

function report(name: string, load: SteadyLoad, goneMs: number, backMs: number): void {
  const during = load.samples.filter(({ sentMs }) => sentMs > goneMs + 100 && sentMs < backMs);
  const failed = during.filter(({ failure }) => failure !== undefined);
  const took = failed.map(({ tookMs }) => tookMs);
  const endMs = ({ sentMs, tookMs }: { sentMs: number; tookMs: number }) => sentMs + tookMs;
  const successes = load.samples.filter((one) => one.failure === undefined && endMs(one) > backMs);
  const first = Math.min(...successes.map(endMs)) - backMs;
  const late = load.failures.filter((one) => endMs(one) > backMs + first);
  console.log(
    `${name}: ${during.length} requests during the outage, ${failed.length} failed, after ${quantile(took, 0.5).toFixed(1)} ms (median), ${Math.max(...took).toFixed(1)} ms (slowest)`,
  );
  console.log(
    `  first reply ${first.toFixed(0)} ms after the first upstream was back; ${late.length} failures after that`,
  );
}
