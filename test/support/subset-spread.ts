import { subset } from '../../src/proxy/upstream/subset.ts';

/** Calculates how evenly sidecars spread over the endpoints that they connect to. */
export function spreadOf(sidecars: number, endpoints: number, size: number) {
  const all = Array.from({ length: endpoints }, (_, index) => ({
    address: `tcp://10.1.${index >> 8}.${index & 255}:7000`,
  }));
  const names = Array.from({ length: sidecars }, (_, index) => `app-7c9f6d-${index.toString(36)}`);
  const counts = new Map(all.map(({ address }) => [address, 0]));
  let moved = 0;
  for (const name of names) {
    const before = subset(all, size, name).map(({ address }) => address);
    for (const address of before) counts.set(address, (counts.get(address) ?? 0) + 1);
    const after = subset(all.slice(1), size, name).map(({ address }) => address);
    moved += after.filter((address) => !before.includes(address)).length;
  }
  const sorted = [...counts.values()].sort((a, b) => a - b);
  const connections = sorted.reduce((sum, count) => sum + count, 0);
  return {
    connections,
    least: sorted[0] ?? 0,
    mean: connections / endpoints,
    most: sorted.at(-1) ?? 0,
    movedWhenOneGoes: moved,
  };
}
