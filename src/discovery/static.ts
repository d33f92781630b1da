import type { Discovery } from './discovery.ts';

/** Endpoints that stand in the configuration: told once. */
export class StaticDiscovery implements Discovery {
  readonly #addresses: readonly string[];

  constructor(addresses: readonly string[]) {
    this.#addresses = addresses;
  }

  async run(found: (addresses: readonly string[]) => void, signal: AbortSignal): Promise<void> {
    found(this.#addresses);
    if (signal.aborted) return;
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }
}
