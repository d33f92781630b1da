import { App } from '../support/ask.ts';
import { startSidecar } from '../support/program.ts';
import { drop, reply, ScriptedUpstream } from '../support/scripted-upstream.ts';
import type { Benchmark } from './bench.ts';
import { median, quantile, spread } from './figures.ts';

const APPS = 64;
const ROUNDS = 7;
const ROUND_MS = 3_000;

/** 64 app threads: how much slower are the others when one of them waits for a reply that never comes? */
export const isolation: Benchmark = async (scope) => {
  const upstreams = await Promise.all(
    [0, 1, 2].map(() => ScriptedUpstream.start((body) => (body === 'never' ? drop : reply))),
  );
  scope.after(() => {
    for (const upstream of upstreams) upstream.close();
  });
  const endpoints = upstreams.map(({ address }) => address).join(',');
  const { address } = await startSidecar(scope, ['--listen', 'tcp://127.0.0.1:0', '--upstream', endpoints]);
  const p99 = { without: [] as number[], with: [] as number[] };
  await round(address, false);
  // In turns, so that both see the same noise.
  for (let number = 0; number < ROUNDS; number++) {
    p99.without.push(quantile(await round(address, false), 0.99));
    p99.with.push(quantile(await round(address, true), 0.99));
  }
  console.log(`p99 of the others, ms, ${ROUNDS} rounds of ${ROUND_MS / 1_000} s in turns, ${APPS} apps`);
  console.log(`  all answered:              ${spread(p99.without, 2)}`);
  console.log(`  one never answered:        ${spread(p99.with, 2)}`);
  console.log(`  ratio of the medians: ${(median(p99.with) / median(p99.without)).toFixed(2)}`);
};

async function round(address: string, isOneWaiting: boolean): Promise<number[]> {
  const took: number[] = [];
  const endMs = performance.now() + ROUND_MS;
  const waiting = isOneWaiting ? new App(address) : undefined;
  const never = waiting?.ask('never').catch(() => undefined);
  const run = async () => {
    const app = new App(address);
    while (performance.now() < endMs) took.push((await app.ask('hello')).ms);
    app.close();
  };
  await Promise.all(Array.from({ length: APPS - 1 }, run));
  waiting?.close();
  await never;
  return took;
}
