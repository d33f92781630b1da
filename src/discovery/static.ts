import { untilAborted } from '../lifecycle/pause.ts';
import type { Discovery, DiscoveryListener } from './discovery.ts';

/** The endpoints from the configuration: reported once. */
export class StaticDiscovery implements Discovery {
  readonly isFixed = true;
  readonly #addresses: readonly string[];

  constructor(addresses: readonly string[]) {
    this.#addresses = addresses;
  }

  async run(listener: DiscoveryListener, signal: AbortSignal): Promise<void> {
    listener.found(this.#addresses.map((address) => ({ address })));
    await untilAborted(signal);
  }
}
