import { spreadOf } from '../support/subset-spread.ts';
import type { Benchmark } from './bench.ts';

/** 1,000 sidecars, 200 endpoints, each sidecar connects to 64 of them: by calculation. */
export const subsets: Benchmark = async () => {
  const { connections, least, mean, most, movedWhenOneGoes } = spreadOf(1_000, 200, 64);
  console.log(`${connections} connections; an endpoint has ${least} to ${most} of them, ${mean} in the mean`);
  console.log(`  when one endpoint goes, ${movedWhenOneGoes} sidecars connect to one other each`);
};
