import { App } from '../support/ask.ts';
import { type Asker, type KillReport, killUpstreams, startUpstreams } from '../support/kills.ts';
import { LazyPirateClient } from '../support/lazy-pirate.ts';
import { startSidecar } from '../support/program.ts';
import type { Benchmark } from './bench.ts';
import { median, quantile, spread } from './figures.ts';

const SECONDS = 60;
const WORK_MS = 5;

/** 3 upstreams, 16 apps, one upstream killed and restarted every second: through the sidecar, and with a hand-written Lazy Pirate. */
export const kills: Benchmark = async (scope) => {
  const upstreams = await startUpstreams(scope, 3, WORK_MS);
  const addresses = upstreams.map(({ address }) => address);
  const sidecar = await startSidecar(scope, [
    '--listen',
    'tcp://127.0.0.1:0',
    '--upstream',
    addresses.join(','),
  ]);
  const contestants: [string, () => Asker][] = [
    ['plain REQ through lazypirate', () => plainReq(sidecar.address)],
    ['hand-written Lazy Pirate client, 2,500 ms', () => new LazyPirateClient(addresses)],
  ];
  for (const [name, newAsker] of contestants) {
    print(
      name,
      await killUpstreams(
        scope,
        { upstreams, apps: 16, kills: SECONDS, everyMs: 1_000, workMs: WORK_MS },
        newAsker,
      ),
    );
  }
};

function plainReq(address: string): Asker {
  const app = new App(address);
  return { ask: async (body) => (await app.ask(body)).text, close: () => app.close() };
}

function print(name: string, { requests, failed, crossed, slowestMs, undisturbedMs }: KillReport): void {
  console.log(
    `${name}: ${requests} requests, ${failed} failed, ${crossed} crossed, ${slowestMs.length} kills`,
  );
  console.log(`  slowest request in flight at a kill, ms: ${spread(slowestMs)}`);
  const others = [median(undisturbedMs), quantile(undisturbedMs, 0.99)].map((ms) => ms.toFixed(1));
  console.log(`  other requests, ms: p50 ${others[0]}  p99 ${others[1]}`);
}
