import { setTimeout } from 'node:timers/promises';
import { descriptors, rssMiB } from '../support/process.ts';
import { Program, startServe } from '../support/program.ts';
import { configsFor, MountedConfig } from '../support/reloads.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import type { Benchmark } from './bench.ts';
import { quantile } from './figures.ts';

const SECONDS = 100;

/** A new configuration every second for 100 s, covering every kind of change, at 500 requests a second. */
export const reload: Benchmark = async (scope) => {
  const upstreams = await Promise.all([0, 1, 2].map(() => startServe(scope, ['--delay', '3ms'])));
  const configs = configsFor(upstreams.map(({ address }) => address));
  const mounted = new MountedConfig(scope, configs[0] ?? {});
  const program = Program.lazypirate(scope, ['run', '--config', mounted.path, '--log-level', 'info']);
  const { address } = await program.logged('listening');
  const load = new SteadyLoad(String(address), 500, undefined, Number.POSITIVE_INFINITY);
  const seen: string[] = [];
  for (let second = 0; second <= SECONDS; second++) {
    if (second % 25 === 0 || second === 10) {
      seen.push(
        `${second} s: ${rssMiB(program.pid).toFixed(0)} MiB, ${descriptors(program.pid)} descriptors`,
      );
    }
    const config = configs[(second + 1) % configs.length];
    mounted.write(config === undefined ? 'routes: 7' : JSON.stringify(config));
    await setTimeout(1_000);
  }
  await load.stop();
  const count = (message: string) => program.stdout.filter((line) => line.includes(`"${message}"`)).length;
  const took = load.samples.map(({ tookMs }) => tookMs);
  console.log(
    `${load.samples.length} requests, ${load.failures.length} failed, ${load.crossed} crossed, ${count('reload applied')} applied, ${count('reload refused')} refused; p50 ${quantile(took, 0.5).toFixed(1)} p99 ${quantile(took, 0.99).toFixed(1)} slowest ${Math.max(...took).toFixed(1)} ms`,
  );
  for (const line of seen) console.log(`  ${line}`);
};
