import type { Benchmark } from './bench.ts';
import { lazypirate, zmqProxy } from './contestants.ts';
import { median } from './figures.ts';
import { load, startEcho } from './load.ts';

const ROUNDS = 5;
const LOAD = { clients: 64, size: 64, seconds: 1.5, rate: 0 };
/** Far below what was seen on idle and busy machines, so anything lower is not noise. */
const LEAST = 0.4;

/** Compares the requests per second of lazypirate with those of libzmq's own proxy, in turns. Fails if lazypirate has become far slower. */
export const guard: Benchmark = async (scope) => {
  const lack = zmqProxy.lacks();
  if (lack !== undefined) return console.log(`Not compared: it needs ${lack}.`);
  const { address } = await startEcho(scope);
  const ours = await lazypirate.start(scope, [address]);
  const theirs = await zmqProxy.start(scope, [address]);
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const perSecond: number[] = [];
    for (const { port, pid } of [ours, theirs]) {
      const { requests, seconds } = await load({ ...LOAD, ports: [port] }, [pid]);
      perSecond.push(requests / seconds);
    }
    const [our = 0, their = 0] = perSecond;
    ratios.push(our / their);
    console.log(
      `lazypirate ${our.toFixed(0)} requests/s, zmq_proxy ${their.toFixed(0)}: ${(our / their).toFixed(2)}`,
    );
  }
  const best = Math.max(...ratios);
  console.log(`median ${median(ratios).toFixed(2)}; fails if every round is below ${LEAST}`);
  if (best < LEAST)
    throw new Error(`lazypirate reaches only ${best.toFixed(2)} of the rate of zmq_proxy in its best round`);
};
