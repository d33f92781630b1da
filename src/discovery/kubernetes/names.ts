import type { Discovered } from '../discovery.ts';

/** No name in Kubernetes is longer (RFC 1123). */
const LENGTH_MOST = 253;

/**
 * What is known about the pod behind an address. The server may send anything: what cannot be a name is left out, so that it is not
 * shown or kept.
 */
export function namesOf(
  given: Record<'identity' | 'pod' | 'node' | 'zone', unknown>,
): Omit<Discovered, 'address'> {
  const names: Omit<Discovered, 'address'> = {};
  for (const key of ['identity', 'pod', 'node', 'zone'] as const) {
    const name = given[key];
    if (typeof name === 'string' && name !== '' && name.length <= LENGTH_MOST) names[key] = name;
  }
  return names;
}
