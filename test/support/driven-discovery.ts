import type { Discovered, Discovery, DiscoveryListener } from '../../src/discovery/discovery.ts';

/** A discovery that the test controls. */
export class DrivenDiscovery implements Discovery {
  readonly isFixed = false;
  readonly #listening = Promise.withResolvers<DiscoveryListener>();

  async run(listener: DiscoveryListener, signal: AbortSignal): Promise<void> {
    this.#listening.resolve(listener);
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }

  async find(...endpoints: (string | Discovered)[]): Promise<void> {
    const listener = await this.#listening.promise;
    listener.found(endpoints.map((one) => (typeof one === 'string' ? { address: one } : one)));
  }

  async findNone(why: string): Promise<void> {
    (await this.#listening.promise).found([], why);
  }

  async fail(message: string): Promise<void> {
    (await this.#listening.promise).failed('unreachable', message);
  }
}
