import { lookup as systemLookup } from 'node:dns/promises';
import { setTimeout } from 'node:timers/promises';
import { codeOf, messageOf } from '../errors.ts';
import type { Discovery, DiscoveryListener } from './discovery.ts';
import type { DnsSettings } from './settings.ts';

export type Lookup = (name: string) => Promise<readonly { address: string; family: number }[]>;

/** As every other program on the machine does it: with the hosts file and the search list, which short names in a cluster need. */
const lookupAll: Lookup = (name) => systemLookup(name, { all: true, order: 'verbatim' });

/**
 * All addresses of a name, A and AAAA, looked up again and again. A name that is not there is a failure, not an empty set: DNS
 * cannot tell a service without pods from a name server that has lost its zone.
 */
export class DnsDiscovery implements Discovery {
  readonly isFixed = false;
  readonly #settings: DnsSettings;
  readonly #lookup: Lookup;

  constructor(settings: DnsSettings, lookup: Lookup = lookupAll) {
    this.#settings = settings;
    this.#lookup = lookup;
  }

  async run(listener: DiscoveryListener, signal: AbortSignal): Promise<void> {
    const { name, port, intervalMs } = this.#settings;
    while (!signal.aborted) {
      try {
        const found = await this.#lookup(name);
        const addresses = new Set(found.map(({ address, family }) => tcp(address, family, port)));
        if (!signal.aborted) listener.found(Array.from(addresses, (address) => ({ address })));
      } catch (error) {
        const isMissing = codeOf(error) === 'ENOTFOUND';
        if (!signal.aborted) {
          listener.failed(isMissing ? 'not_found' : 'unreachable', `${name}: ${messageOf(error)}`);
        }
      }
      // A tenth more or less, so that sidecars that started together do not ask together for ever.
      await setTimeout(intervalMs * (0.9 + Math.random() / 5), undefined, { signal, ref: false }).catch(
        () => undefined,
      );
    }
  }
}

function tcp(address: string, family: number, port: number): string {
  return family === 6 ? `tcp://[${address}]:${port}` : `tcp://${address}:${port}`;
}
