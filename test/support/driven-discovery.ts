import type { Discovered, Discovery, DiscoveryOwner } from '../../src/discovery/discovery.ts';

/** A discovery that the test controls. */
export class DrivenDiscovery implements Discovery {
  readonly isFixed = false;
  readonly #listening = Promise.withResolvers<DiscoveryOwner>();

  async run(owner: DiscoveryOwner, signal: AbortSignal): Promise<void> {
    this.#listening.resolve(owner);
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }

  async find(...endpoints: (string | Discovered)[]): Promise<void> {
    const owner = await this.#listening.promise;
    owner.found(endpoints.map((one) => (typeof one === 'string' ? { address: one } : one)));
  }

  async findNone(why: string): Promise<void> {
    (await this.#listening.promise).found([], why);
  }

  async fail(message: string): Promise<void> {
    const trouble = { reason: 'unreachable', source: 'name_server', isRefused: false } as const;
    (await this.#listening.promise).failed({ ...trouble, message });
  }
}
