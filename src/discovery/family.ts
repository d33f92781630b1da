import { networkInterfaces } from 'node:os';

export type Family = 'IPv4' | 'IPv6';

/** How long a family must have been without an address before the other one takes over. */
const HOLD_MS = 1_000;
/** Both reach no further than the link. */
const LINK_LOCAL = /^(fe80:|169\.254\.)/i;

/** The families that this machine has an address of, other than loopback and link-local ones. */
export function ownFamilies(): ReadonlySet<Family> {
  const all = Object.values(networkInterfaces()).flatMap((addresses = []) => addresses);
  const far = all.filter(({ internal, address }) => !internal && !LINK_LOCAL.test(address));
  return new Set(far.map(({ family }) => family));
}

/**
 * Chooses one address family, so that a pod with an address of each counts once. The choice stays while that family has any
 * address: the two halves of a change are told one after the other (two EndpointSlices, two DNS records), and the set must not
 * move to the other family and back meanwhile.
 */
export class FamilyChoice {
  readonly #own: () => ReadonlySet<Family>;
  #current: Family | undefined;
  #isFirst = true;
  /** Since when only a family that is not the current one has addresses. */
  #vacantSinceMs: number | undefined;

  constructor(own: () => ReadonlySet<Family> = ownFamilies) {
    this.#own = own;
  }

  /**
   * @param counts how many addresses each family has
   * @returns the family to use; or how long to wait with the change, since the other half of it may be on its way
   */
  choose(counts: Readonly<Record<Family, number>>, nowMs: number): Family | { waitMs: number } {
    const current = this.#current;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if ((current !== undefined && counts[current] > 0) || counts.IPv4 + counts.IPv6 === 0) {
      this.#vacantSinceMs = undefined;
      return current ?? 'IPv4';
    }
    const best = this.#best(counts);
    if (!isFirst && best !== (current ?? this.#preferred())) {
      this.#vacantSinceMs ??= nowMs;
      const waitMs = this.#vacantSinceMs + HOLD_MS - nowMs;
      if (waitMs > 0) return { waitMs };
    }
    this.#vacantSinceMs = undefined;
    this.#current = best;
    return best;
  }

  #preferred(): Family {
    const own = this.#own();
    return own.has('IPv6') && !own.has('IPv4') ? 'IPv6' : 'IPv4';
  }

  /** IPv4, unless this machine has none, or far more endpoints have IPv6: a few less may only be a change under way. */
  #best({ IPv4, IPv6 }: Readonly<Record<Family, number>>): Family {
    if (IPv4 === 0) return 'IPv6';
    if (IPv6 === 0) return 'IPv4';
    const own = this.#own();
    if (own.size === 1) return this.#preferred();
    return IPv6 > 2 * IPv4 ? 'IPv6' : 'IPv4';
  }
}
