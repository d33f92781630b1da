import type { Body } from '../message.ts';
import type { Client, ClientOwner, ReplyFate } from '../transport.ts';
import { isTooLarge, type Parsed } from './frames.ts';

/** Most messages, and memory for them, that are kept of a client while it is paused: a ROUTER cannot stop reading a single client. */
const HELD_MOST = 256;
const HELD_BYTES = 1024 * 1024;
/** How many of its held messages are passed on before others have their turn. */
const AT_ONCE = 64;

/** What waits to be passed on. Refused messages wait without their bodies, and equal ones as a number. */
type Held = { envelope: Buffer; weight: number } & (
  | { kind: 'message'; body: Body }
  | { kind: 'too large'; bytes: number }
  | { kind: 'overflow'; bytes: number; count: number }
);

/** A client as a ROUTER knows it: everything that comes with one routing id. */
export class ZeromqClient implements Client {
  owner: ClientOwner | undefined;
  readonly address: string | undefined;
  readonly #send: (envelope: Buffer, body: Body) => Promise<ReplyFate>;
  #isPaused = false;
  #isResuming = false;
  /** In order of arrival. */
  readonly #held: Held[] = [];
  #heldWeight = 0;

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

  /** Its connection is gone. What is held of it is dropped. */
  leave(): void {
    this.#held.length = 0;
    this.owner?.left();
  }

  get isIdle(): boolean {
    return this.#held.length === 0 && (this.owner?.isIdle ?? true);
  }

  /** @param messageBytes most body bytes of a message */
  take(message: Parsed, messageBytes: number): void {
    if (this.#isPaused || this.#held.length > 0) this.#hold(message, messageBytes);
    else this.#pass(message, messageBytes);
  }

  #pass(message: Parsed, messageBytes: number): void {
    const { envelope, body } = message;
    if (isTooLarge(message, messageBytes)) this.owner?.tooLarge(envelope, body.bytes);
    else this.owner?.request(envelope, body);
  }

  #hold(message: Parsed, messageBytes: number): void {
    const { envelope, body } = message;
    const { bytes } = body;
    const weight = envelope.length;
    const isFull = this.#held.length >= HELD_MOST || this.#heldWeight >= HELD_BYTES;
    if (isFull) this.#overflow(envelope, bytes);
    else if (isTooLarge(message, messageBytes)) this.#keep({ kind: 'too large', envelope, weight, bytes });
    else this.#keep({ kind: 'message', envelope, weight: weight + body.weight, body });
  }

  /**
   * The replies to equal envelopes keep the order of the requests, because nothing else tells them apart. With another envelope the
   * client knows which request is refused, so that one need not wait: nothing would limit how many do.
   */
  #overflow(envelope: Buffer, bytes: number): void {
    const same = this.#held.findLast((one) => one.envelope.equals(envelope));
    if (same?.kind === 'overflow') same.count++;
    else if (same !== undefined || this.owner?.overflowAtOnce(envelope, bytes) === false)
      this.#keep({ kind: 'overflow', envelope, weight: envelope.length, bytes, count: 1 });
  }

  #keep(one: Held): void {
    this.#held.push(one);
    this.#heldWeight += one.weight;
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
    if (first.kind !== 'overflow' || --first.count === 0) {
      this.#held.shift();
      this.#heldWeight -= first.weight;
    }
    switch (first.kind) {
      case 'message':
        return this.owner?.request(first.envelope, first.body);
      case 'too large':
        return this.owner?.tooLarge(first.envelope, first.bytes);
      case 'overflow':
        return this.owner?.overflow(first.envelope, first.bytes);
    }
  }
}
