import type { SubsetSize } from '../settings.ts';

/**
 * Selects the addresses that one sidecar connects to, by rendezvous hashing: each sidecar ranks the addresses in its own
 * order and takes the first `size`. So the load is spread evenly, and when an address disappears, a sidecar moves at most one
 * connection. (Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998.)
 *
 * @param self a name that is unique to this sidecar: its pod's name
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

/** FNV-1a, then the final steps of MurmurHash3: without them, similar names would get similar ranks. */
function rank(self: string, address: string): number {
  let hash = 0x811c9dc5;
  const text = `${self}\n${address}`;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
