import { setTimeout } from 'node:timers/promises';
import { ApiServer } from '../support/api-server.ts';
import { rssMiB } from '../support/process.ts';
import { startSidecar } from '../support/program.ts';
import { Deployment } from '../support/rolling-update.ts';
import type { Benchmark } from './bench.ts';
import { spread } from './figures.ts';

/** What it costs that the Kubernetes client is loaded: memory when idle, and time until it listens. */
export const kubernetes: Benchmark = async (scope) => {
  const server = await ApiServer.start(scope);
  const deployment = new Deployment(scope, server);
  deployment.ready(await deployment.start());
  const env = { KUBECONFIG: server.kubeconfig(scope) };
  const args = ['--listen', 'tcp://127.0.0.1:0', '--upstream', 'service/orders:zmq'];
  const took: number[] = [];
  for (let run = 0; run < 10; run++) {
    const ends: (() => unknown)[] = [];
    const sinceMs = performance.now();
    await startSidecar({ after: (end) => ends.push(end) }, args, { env });
    took.push(performance.now() - sinceMs);
    for (const end of ends) await end();
  }
  const { program } = await startSidecar(scope, args, { env });
  await setTimeout(10_000);
  console.log(`from source: idle RSS ${rssMiB(program.pid).toFixed(0)} MiB`);
  console.log(`  from exec to listening, ms, 10 runs: ${spread(took)}`);
};
