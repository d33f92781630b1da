import { ApiServer } from '../support/api-server.ts';
import { ask } from '../support/ask.ts';
import { startSidecar } from '../support/program.ts';
import { Deployment, rollingUpdate } from '../support/rolling-update.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import type { Benchmark } from './bench.ts';
import { quantile, spread } from './figures.ts';

/** 5 upstreams are replaced one by one under 500 requests a second. */
export const rolling: Benchmark = async (scope) => {
  const server = await ApiServer.start(scope);
  const deployment = new Deployment(scope, server);
  const pods = await Promise.all(Array.from({ length: 5 }, () => deployment.start()));
  for (const pod of pods) deployment.ready(pod);
  const sidecar = await startSidecar(
    scope,
    ['--listen', 'tcp://127.0.0.1:0', '--upstream', 'service/orders:zmq'],
    { env: { KUBECONFIG: server.kubeconfig(scope) } },
  );
  await ask(sidecar.address, 'until the endpoints are found');
  const load = new SteadyLoad(sidecar.address, 500, undefined, Number.POSITIVE_INFINITY);
  const replacements = await rollingUpdate(deployment, pods, 2_000);
  await load.stop();
  const took = load.samples.map(({ tookMs }) => tookMs);
  console.log(
    `${load.samples.length} requests, ${load.failures.length} failed, ${load.crossed} crossed, p99 ${quantile(took, 0.99).toFixed(1)} ms, slowest ${Math.max(...took).toFixed(1)} ms`,
  );
  console.log(`  ready to first work, ms: ${spread(replacements.map((one) => one.firstWorkMs))}`);
  console.log(`  terminating to last work, ms: ${spread(replacements.map((one) => one.lastWorkMs))}`);
};
