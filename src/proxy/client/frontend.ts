import type { Listener, ListenerOwner, Transport } from '../../transport/transport.ts';
import type { ListenerSettings } from '../settings.ts';

/** What a route binds for the app. */
export class Frontend {
  readonly #transport: Transport;
  readonly #owner: ListenerOwner;
  #listener: Listener | undefined;
  /** Listeners at earlier addresses. Apps that connected there may still be served. */
  #released: Listener[] = [];
  #isClosed = false;

  constructor(transport: Transport, owner: ListenerOwner) {
    this.#transport = transport;
    this.#owner = owner;
  }

  /** Where apps can connect at the moment. */
  get address(): string | undefined {
    return this.#listener?.address;
  }

  /** The largest `messageBytes` that `change` can apply. */
  get messageBytesMost(): number {
    return this.#listener?.messageBytesMost ?? Number.POSITIVE_INFINITY;
  }

  /** @throws {StartError} if it cannot listen there */
  async listen(address: string, settings: ListenerSettings): Promise<string> {
    const { secretKey } = settings;
    this.#listener = await this.#transport.listen({ address, secretKey }, settings, this.#owner);
    if (this.#isClosed) void this.#listener.close(0);
    return this.#listener.address;
  }

  /** Frees the address. Apps that are connected stay so, if the transport can keep them. */
  async release(): Promise<void> {
    const listener = this.#listener;
    if (listener === undefined) return;
    this.#listener = undefined;
    this.#released = [...this.#released.filter((one) => !one.isDone), listener];
    await listener.release();
  }

  change(settings: ListenerSettings): void {
    for (const one of this.#all) one.change(settings);
  }

  /** Resolves when the last replies have been sent, or after this time. */
  async close(lingerMs: number): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#all.map((one) => one.close(lingerMs)));
  }

  get #all(): Listener[] {
    return this.#listener === undefined ? this.#released : [...this.#released, this.#listener];
  }
}
