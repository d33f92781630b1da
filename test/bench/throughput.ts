import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from '../support/ask.ts';
import { startServe, startSidecar } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';
import type { Benchmark } from './bench.ts';
import { median, quantile } from './figures.ts';

const ROUNDS = 5;
const ROUND_MS = 2_000;

/** Requests per second and latency, with one app and with 64, directly to the upstream and through the sidecar. */
export const throughput: Benchmark = async (scope) => {
  const serve = await startServe(scope);
  const folder = scratch();
  const sidecar = async (correlate: boolean) => {
    const file = join(folder, `${correlate}.yaml`);
    const route = {
      name: 'a',
      listen: 'tcp://127.0.0.1:0',
      upstream: { endpoints: [serve.address] },
      correlate,
    };
    writeFileSync(file, JSON.stringify({ routes: [route] }));
    return (await startSidecar(scope, ['--config', file])).address;
  };
  const ways = {
    direct: serve.address,
    sidecar: await sidecar(false),
    'sidecar, correlate': await sidecar(true),
  };
  console.log(
    `${ROUNDS} rounds of ${ROUND_MS / 1_000} s in turns, medians; apps, sidecar and upstream share the machine`,
  );
  for (const apps of [1, 64]) {
    const found = Object.entries(ways).map(([name, address]) => ({
      name,
      address,
      rates: [0],
      p50: [0],
      p99: [0],
    }));
    for (const way of found) [way.rates, way.p50, way.p99] = [[], [], []];
    for (let round = 0; round < ROUNDS; round++) {
      for (const way of found) {
        const took = await load(way.address, apps);
        way.rates.push(took.length / (ROUND_MS / 1_000));
        way.p50.push(quantile(took, 0.5));
        way.p99.push(quantile(took, 0.99));
      }
    }
    const direct = median(found[0]?.rates ?? []);
    for (const { name, rates, p50, p99 } of found) {
      const rate = median(rates);
      const figures = `${rate.toFixed(0).padStart(6)} requests/s (${(rate / direct).toFixed(2)} of direct)`;
      const latency = `p50 ${median(p50).toFixed(2)} ms  p99 ${median(p99).toFixed(2)} ms`;
      console.log(`${String(apps).padStart(3)} apps  ${name.padEnd(20)} ${figures}  ${latency}`);
    }
  }
};

async function load(address: string, apps: number): Promise<number[]> {
  const took: number[] = [];
  const endMs = performance.now() + ROUND_MS;
  const run = async () => {
    const app = new App(address);
    while (performance.now() < endMs) took.push((await app.ask('hello, is anybody there?')).ms);
    app.close();
  };
  await Promise.all(Array.from({ length: apps }, run));
  return took;
}
