import type { Body } from '../message.ts';
import type { Client, ClientOwner, ReplyFate } from '../transport.ts';
import type { Parsed } from './frames.ts';

/** Most messages, and bytes of them, that are kept of a client while it is paused: a ROUTER cannot stop reading a single client. */
const HELD_MOST = 256;
const HELD_BYTES = 1024 * 1024;
/** How many of its held messages are passed on before others have their turn. */
const AT_ONCE = 64;

/** What waits to be passed on. Refused messages wait without their bodies, and equal ones as a number. */
type Held =
  | { kind: 'message'; envelope: Buffer; body: Body }
  | { kind: 'too large'; envelope: Buffer; bytes: number }
  | { kind: 'overflow'; envelope: Buffer; bytes: number; count: number };

/** A client as a ROUTER knows it: everything that comes with one routing id. */
export class ZeromqClient implements Client {
  owner: ClientOwner | undefined;
  readonly address: string | undefined;
  readonly #send: (envelope: Buffer, body: Body) => Promise<ReplyFate>;
  #isPaused = false;
  #isResuming = false;
  /** In order of arrival. */
  readonly #held: Held[] = [];
  #heldBytes = 0;

  /** @param address where it listens, if that is a path: libzmq does not tell who has connected */
  constructor(address: string | undefined, send: (envelope: Buffer, body: Body) => Promise<ReplyFate>) {
    this.address = address;
    this.#send = send;
  }

  reply(envelope: Buffer, body: Body): Promise<ReplyFate> {
    return this.#send(envelope, body);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#passOnLater();
  }

  get isIdle(): boolean {
    return this.#held.length === 0 && (this.owner?.isIdle ?? true);
  }

  /** @param messageBytes most body bytes of a message */
  take(message: Parsed, messageBytes: number): void {
    if (this.#isPaused || this.#held.length > 0) this.#hold(message, messageBytes);
    else this.#pass(message, messageBytes);
  }

  #pass({ envelope, body }: Parsed, messageBytes: number): void {
    if (body.bytes > messageBytes) this.owner?.tooLarge(envelope, body.bytes);
    else this.owner?.request(envelope, body);
  }

  #hold({ envelope, body }: Parsed, messageBytes: number): void {
    const { bytes } = body;
    const last = this.#held.at(-1);
    const isFull = this.#held.length >= HELD_MOST || this.#heldBytes >= HELD_BYTES;
    if (last?.kind === 'overflow') {
      if (last.envelope.equals(envelope)) last.count++;
      // A client that addresses its requests can tell the replies apart, so their order does not matter to it.
      else this.owner?.overflow(envelope, bytes);
    } else if (isFull) this.#held.push({ kind: 'overflow', envelope, bytes, count: 1 });
    else if (bytes > messageBytes) this.#held.push({ kind: 'too large', envelope, bytes });
    else {
      this.#held.push({ kind: 'message', envelope, body });
      this.#heldBytes += envelope.length + bytes;
    }
  }

  #passOnLater(): void {
    if (this.#isResuming || this.#held.length === 0) return;
    this.#isResuming = true;
    setImmediate(() => {
      this.#isResuming = false;
      for (let count = 0; count < AT_ONCE && !this.#isPaused && this.#held.length > 0; count++)
        this.#passOn();
      if (!this.#isPaused) this.#passOnLater();
    });
  }

  #passOn(): void {
    const [first] = this.#held;
    if (first === undefined) return;
    if (first.kind !== 'overflow' || --first.count === 0) this.#held.shift();
    switch (first.kind) {
      case 'message':
        this.#heldBytes -= first.envelope.length + first.body.bytes;
        return this.owner?.request(first.envelope, first.body);
      case 'too large':
        return this.owner?.tooLarge(first.envelope, first.bytes);
      case 'overflow':
        return this.owner?.overflow(first.envelope, first.bytes);
    }
  }
}
