/** The number of endpoints that a sidecar connects to at most. */
export type SubsetSize = number | 'all';

/**
 * The part of an upstream's addresses that one sidecar connects to, by rendezvous hashing: each sidecar ranks the addresses
 * in an order of its own, and takes the first so many. So the load is even over all, and when an address goes, a sidecar
 * moves at most that one connection. (Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998.)
 *
 * @param self what tells this sidecar from the others: its pod's name
 */
export function subset<T extends { address: string }>(
  all: readonly T[],
  size: SubsetSize,
  self: string,
): readonly T[] {
  if (size === 'all' || all.length <= size) return all;
  return all
    .map((one) => ({ one, rank: rank(self, one.address) }))
    .sort((a, b) => b.rank - a.rank || (a.one.address < b.one.address ? -1 : 1))
    .slice(0, size)
    .map(({ one }) => one);
}

/** FNV-1a, and the last steps of MurmurHash3, without which similar names would get similar ranks. */
function rank(self: string, address: string): number {
  let hash = 0x811c9dc5;
  const text = `${self}\n${address}`;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
