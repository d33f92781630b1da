import { messageOf } from '../errors.ts';
import { pause } from '../lifecycle/pause.ts';
import { tcpAddress } from '../tcp-address.ts';
import { type Family, FamilyChoice } from './address-family.ts';
import type { Discovery, DiscoveryOwner } from './discovery.ts';
import type { DnsSettings } from './discovery-settings.ts';
import { addressesIn, type FamilyAnswer, type LookupAnswer, lookUp } from './name-lookup.ts';

/** @param known the name that was found last time, with its search domain */
export type Lookup = (name: string, signal: AbortSignal, known: string | undefined) => Promise<LookupAnswer>;

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

  async run(owner: DiscoveryOwner, signal: AbortSignal): Promise<void> {
    const { name, intervalMs } = this.#settings;
    while (!signal.aborted) {
      let pauseMs = intervalMs;
      try {
        const answer = await this.#lookup(name, signal, this.#known);
        if (!signal.aborted) pauseMs = Math.min(intervalMs, this.#take(answer, owner) ?? intervalMs);
      } catch (error) {
        const message = `${name}: ${messageOf(error)}`;
        if (!signal.aborted) owner.failed({ reason: 'unreachable', ...NAME_SERVER, message });
      }
      // Varied by up to a tenth, so that sidecars that started together do not keep asking at the same moment.
      await pause(pauseMs * (0.9 + Math.random() / 5), signal);
    }
  }

  /** @returns when to look again, if sooner than usual */
  #take(answer: LookupAnswer, owner: DiscoveryOwner): number | undefined {
    if (answer.kind === 'failed') {
      const { reason, isRefused = false, why: message } = answer;
      owner.failed({ reason, ...NAME_SERVER, isRefused, message });
      return undefined;
    }
    const last = this.#last;
    for (const family of ['IPv4', 'IPv6'] as const) {
      const ofFamily = answer[family];
      // If another search domain matched, it is another name: keep nothing of the old one.
      if (ofFamily.kind !== 'failed' || answer.name !== this.#known) last[family] = addressesIn(ofFamily);
    }
    this.#known = answer.name;
    const counts = { IPv4: last.IPv4.length, IPv6: last.IPv6.length };
    const family = this.#families.choose(counts, performance.now());
    if (typeof family === 'object') return family.waitMs;
    const addresses = new Set(last[family].map((ip) => tcpAddress(ip, this.#settings.port)));
    owner.found(
      Array.from(addresses, (address) => ({ address })),
      failureWords(answer.name, 'A', answer.IPv4) ?? failureWords(answer.name, 'AAAA', answer.IPv6),
    );
    return undefined;
  }
}

const NAME_SERVER = { source: 'name_server', isRefused: false } as const;

function failureWords(name: string, type: 'A' | 'AAAA', ofFamily: FamilyAnswer): string | undefined {
  if (ofFamily.kind !== 'failed') return undefined;
  return `the ${type} records of ${name} could not be looked up (${ofFamily.why}); the last known ones stay in use`;
}
