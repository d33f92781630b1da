import { spreadOf } from '../support/subset-spread.ts';
import type { Benchmark } from './bench.ts';

/** 1,000 sidecars and 200 endpoints; each sidecar connects to 64 of them. This is calculated, not measured. */
export const subsets: Benchmark = async () => {
  const { connections, least, mean, most, movedWhenOneGoes } = spreadOf(1_000, 200, 64);
  console.log(`${connections} connections; an endpoint has ${least} to ${most} of them, ${mean} on average`);
  console.log(`  when one endpoint disappears, ${movedWhenOneGoes} sidecars each connect to one other`);
};
