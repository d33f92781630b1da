import { Request } from 'zeromq';
import type { Asker } from './kills.ts';

/**
 * The Lazy Pirate client of the ZeroMQ guide, as people write it by hand: send, poll with a timeout, and if there is no reply,
 * close the socket with linger 0, connect again and send again. lazypirate is compared with it.
 */
export class LazyPirateClient implements Asker {
  readonly #addresses: readonly string[];
  readonly #timeoutMs: number;
  readonly #attempts: number;
  #socket: Request;

  constructor(addresses: readonly string[], timeoutMs = 2_500, attempts = 3) {
    this.#addresses = addresses;
    this.#timeoutMs = timeoutMs;
    this.#attempts = attempts;
    this.#socket = this.#connect();
  }

  async ask(body: string): Promise<string | undefined> {
    return (await this.exchange(body))?.toString();
  }

  async exchange(body: string | Buffer): Promise<Buffer | undefined> {
    for (let attempt = 0; attempt < this.#attempts; attempt++) {
      try {
        await this.#socket.send(body);
        const [reply] = await this.#socket.receive();
        return reply;
      } catch {
        this.#socket.close();
        this.#socket = this.#connect();
      }
    }
    return undefined;
  }

  close(): void {
    this.#socket.close();
  }

  #connect(): Request {
    const socket = new Request({ linger: 0, receiveTimeout: this.#timeoutMs });
    for (const address of this.#addresses) socket.connect(address);
    return socket;
  }
}
