import { messageOf } from '../errors.ts';
import { pause } from '../lifecycle/pause.ts';
import { tcpAddress } from '../tcp-address.ts';
import { type Family, FamilyChoice } from './address-family.ts';
import type { Discovery, DiscoveryListener } from './discovery.ts';
import type { DnsSettings } from './discovery-settings.ts';
import { type Answer, addressesIn, type Half, lookUp } from './name-lookup.ts';

/** @param known the name that was found last time, with its search domain */
export type Lookup = (name: string, signal: AbortSignal, known: string | undefined) => Promise<Answer>;

/**
 * Looks up all addresses of a name regularly, and uses those of one family. A missing name is a failure, not an empty set: DNS
 * cannot tell a service without pods from a name server that has lost its zone. If only one family fails, its last addresses
 * stay in use.
 */
export class DnsDiscovery implements Discovery {
  readonly isFixed = false;
  readonly #settings: DnsSettings;
  readonly #lookup: Lookup;
  readonly #families: FamilyChoice;
  #known: string | undefined;
  readonly #last: Record<Family, readonly string[]> = { IPv4: [], IPv6: [] };

  constructor(
    settings: DnsSettings,
    lookup: Lookup = (name, signal, known) => lookUp(name, signal, { known }),
    families = new FamilyChoice(),
  ) {
    this.#settings = settings;
    this.#lookup = lookup;
    this.#families = families;
  }

  async run(listener: DiscoveryListener, signal: AbortSignal): Promise<void> {
    const { name, intervalMs } = this.#settings;
    while (!signal.aborted) {
      let pauseMs = intervalMs;
      try {
        const answer = await this.#lookup(name, signal, this.#known);
        if (!signal.aborted) pauseMs = Math.min(intervalMs, this.#take(answer, listener) ?? intervalMs);
      } catch (error) {
        if (!signal.aborted) listener.failed('unreachable', `${name}: ${messageOf(error)}`);
      }
      // Varied by up to a tenth, so that sidecars that started together do not keep asking at the same moment.
      await pause(pauseMs * (0.9 + Math.random() / 5), signal);
    }
  }

  /** @returns when to look again, if sooner than usual */
  #take(answer: Answer, listener: DiscoveryListener): number | undefined {
    if (answer.kind === 'failed') {
      listener.failed(answer.reason, answer.why);
      return undefined;
    }
    const last = this.#last;
    for (const family of ['IPv4', 'IPv6'] as const) {
      const half = answer[family];
      // If another search domain matched, it is another name: keep nothing of the old one.
      if (half.kind !== 'failed' || answer.name !== this.#known) last[family] = addressesIn(half);
    }
    this.#known = answer.name;
    const counts = { IPv4: last.IPv4.length, IPv6: last.IPv6.length };
    const family = this.#families.choose(counts, performance.now());
    if (typeof family === 'object') return family.waitMs;
    const addresses = new Set(last[family].map((ip) => tcpAddress(ip, this.#settings.port)));
    listener.found(
      Array.from(addresses, (address) => ({ address })),
      failureOf(answer.name, 'A', answer.IPv4) ?? failureOf(answer.name, 'AAAA', answer.IPv6),
    );
    return undefined;
  }
}

function failureOf(name: string, type: 'A' | 'AAAA', half: Half): string | undefined {
  if (half.kind !== 'failed') return undefined;
  return `the ${type} records of ${name} could not be looked up (${half.why}); the last known ones stay in use`;
}
