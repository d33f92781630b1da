import { networkInterfaces } from 'node:os';

export type Family = 'IPv4' | 'IPv6';

/** How long a family must be without any address before the other one takes over. */
const HOLD_MS = 1_000;
/** Link-local addresses are useless here. */
const LINK_LOCAL = /^(fe80:|169\.254\.)/i;

/** The address families of this machine, without loopback and link-local addresses. */
export function ownFamilies(): ReadonlySet<Family> {
  const all = Object.values(networkInterfaces()).flatMap((addresses = []) => addresses);
  const far = all.filter(({ internal, address }) => !internal && !LINK_LOCAL.test(address));
  return new Set(far.map(({ family }) => family));
}

/**
 * Chooses one address family, so that a pod with an address of each counts once. The choice stays while that family has any
 * address that this machine can reach. The two halves of a change arrive one after the other (two EndpointSlices, two DNS records), and meanwhile the set
 * must not switch to the other family and back.
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
   * @returns the family to use; or how long to wait before a switch, because the other half of the change may be on its way
   */
  choose(counts: Readonly<Record<Family, number>>, nowMs: number): Family | { waitMs: number } {
    const current = this.#current;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (counts.IPv4 + counts.IPv6 === 0 || (current !== undefined && this.#isUsable(current, counts))) {
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

  /** A family that this machine does not have is kept only until the other one, which it has, is found too. */
  #isUsable(family: Family, counts: Readonly<Record<Family, number>>): boolean {
    const other = family === 'IPv4' ? 'IPv6' : 'IPv4';
    if (counts[family] === 0 || counts[other] === 0) return counts[family] > 0;
    const own = this.#own();
    return own.has(family) || !own.has(other);
  }

  #preferred(): Family {
    const own = this.#own();
    return own.has('IPv6') && !own.has('IPv4') ? 'IPv6' : 'IPv4';
  }

  /** IPv4, unless this machine has none, or far more endpoints have IPv6. A small difference may only be a change in progress. */
  #best({ IPv4, IPv6 }: Readonly<Record<Family, number>>): Family {
    if (IPv4 === 0) return 'IPv6';
    if (IPv6 === 0) return 'IPv4';
    const own = this.#own();
    if (own.size === 1) return this.#preferred();
    return IPv6 > 2 * IPv4 ? 'IPv6' : 'IPv4';
  }
}
