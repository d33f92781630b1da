import { weightOf } from './envelope.ts';

/** Most messages without a look for another one behind them. */
const PASS_MAX = 64;
/** What has been read and not acted upon counts for no cap: a batch ends with the message that makes it so large. */
const BATCH_BYTES = 1024 * 1024;

/** The socket that is read. */
interface Incoming {
  receiveTimeout: number;
  readonly closed: boolean;
  receive(): Promise<Buffer[]>;
}

/**
 * Reads a socket: one message after the other, or all that are there at once where they come so close. To read all before
 * anything of it is acted upon spares zeromq.js the question, by system call, whether there is more: at each message, and at
 * each send on a socket that waits for one. With 64 apps that was a fifth of all CPU time. Whether it pays shows only in the
 * try, and a vain one costs an exception; so the more of them were vain, the more messages pass before the next.
 */
export class Inbox {
  readonly #socket: Incoming;
  #passes = 0;
  #pass = 0;

  constructor(socket: Incoming) {
    this.#socket = socket;
  }

  /**
   * The next messages, at least one.
   *
   * @param most messages
   * @throws {Error} EAGAIN or EBADF where the socket is closed
   */
  async receive(most: number): Promise<Buffer[][]> {
    const first = await this.#socket.receive();
    const batch = [first];
    if (most === 1 || this.#pass++ < this.#passes) return batch;
    let bytes = weightOf([], first);
    if (bytes >= BATCH_BYTES) return batch;
    this.#pass = 0;
    this.#socket.receiveTimeout = 0;
    try {
      while (batch.length < most && bytes < BATCH_BYTES) {
        const message = await this.#socket.receive();
        bytes += weightOf([], message);
        batch.push(message);
      }
    } catch {
      // EAGAIN, or the socket is closed.
    }
    if (!this.#socket.closed) this.#socket.receiveTimeout = -1;
    this.#passes = batch.length > 1 ? 0 : Math.min(PASS_MAX, 2 * this.#passes + 1);
    return batch;
  }
}
