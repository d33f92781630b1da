import { FRAME_BYTES, sizeOf } from './frames.ts';

/** The most messages between two tries to read ahead. */
const PASS_MAX = 64;
/** Messages of a batch do not count against any limit yet, so a batch ends with the message that makes it this large. */
const BATCH_BYTES = 1024 * 1024;

/** What an inbox needs of a socket. */
interface Incoming {
  receiveTimeout: number;
  readonly closed: boolean;
  receive(): Promise<Buffer[]>;
}

/**
 * Reads a socket: one message at a time, or a whole batch if messages come in quickly. Reading a batch before acting on it
 * saves zeromq.js system calls that ask whether there is more: one for each message, and one for each send on a socket that
 * waits for a message. With 64 apps that was a fifth of all CPU time. Only a try shows whether reading ahead pays, and a try
 * in vain costs an exception. So the more tries were in vain, the more messages pass until the next one.
 */
export class Inbox {
  readonly #socket: Incoming;
  #passes = 0;
  #pass = 0;

  constructor(socket: Incoming) {
    this.#socket = socket;
  }

  /**
   * The next messages, at least one and at most `most`.
   *
   * @throws {Error} EAGAIN or EBADF if the socket is closed
   */
  async receive(most: number): Promise<Buffer[][]> {
    const first = await this.#socket.receive();
    const batch = [first];
    if (most === 1 || this.#pass++ < this.#passes) return batch;
    let bytes = weightOf(first);
    if (bytes >= BATCH_BYTES) return batch;
    this.#pass = 0;
    this.#socket.receiveTimeout = 0;
    try {
      while (batch.length < most && bytes < BATCH_BYTES) {
        const message = await this.#socket.receive();
        bytes += weightOf(message);
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

function weightOf(frames: readonly Buffer[]): number {
  return sizeOf(frames) + FRAME_BYTES * frames.length;
}
