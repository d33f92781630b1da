import type { Benchmark } from './bench.ts';
import { lazypirate, zmqProxy } from './contestants.ts';
import { median } from './figures.ts';
import { load, startEcho } from './load.ts';

const ROUNDS = 5;
const LOAD = { clients: 64, size: 64, seconds: 1.5, rate: 0 };
/** Far below what was seen on idle and on busy machines: less than this is no noise. */
const LEAST = 0.2;

/** Requests a second of lazypirate against libzmq's own proxy, in turns: fails on a fall that noise cannot explain. */
export const guard: Benchmark = async (scope) => {
  const lack = zmqProxy.lacks();
  if (lack !== undefined) return console.log(`Not compared: it needs ${lack}.`);
  const { address } = await startEcho(scope);
  const ours = await lazypirate(true).start(scope, [address]);
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
  console.log(`median ${median(ratios).toFixed(2)}; less than ${LEAST} in every round is a failure`);
  if (best < LEAST) throw new Error(`lazypirate does ${best.toFixed(2)} of what zmq_proxy does, at best`);
};
