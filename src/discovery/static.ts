import { untilAborted } from '../lifecycle/pause.ts';
import type { Discovery, DiscoveryOwner } from './discovery.ts';

/** The endpoints from the configuration: reported once. */
export class StaticDiscovery implements Discovery {
  readonly isFixed = true;
  readonly #addresses: readonly string[];

  constructor(addresses: readonly string[]) {
    this.#addresses = addresses;
  }

  async run(owner: DiscoveryOwner, signal: AbortSignal): Promise<void> {
    owner.found(this.#addresses.map((address) => ({ address })));
    await untilAborted(signal);
  }
}
