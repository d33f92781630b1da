import type { Socket } from 'node:net';
import type { Reader } from './reader.ts';
import { atEndOfTurn } from './turn.ts';
import { copied } from './wire-slice.ts';

/** Most bytes that are read from a peer while it is paused, give or take a chunk. Until then it is noticed if the peer leaves. */
const AHEAD_BYTES = 32_768;
/** What a chunk takes in memory besides its bytes, about. */
const CHUNK_COST = 256;

/** Passes on what comes after the greeting, and holds it back while the peer is paused. */
export class Intake {
  readonly #socket: Socket;
  readonly #reader: Reader;
  #isPaused = false;
  #isOver = false;
  /** Copies of what was read while it was paused, from a position in the first one. */
  #ahead: Buffer[] = [];
  #aheadAt = 0;
  #aheadCost = 0;
  readonly #readsAhead = () => this.#readAhead();

  constructor(socket: Socket, reader: Reader) {
    this.#socket = socket;
    this.#reader = reader;
  }

  /** Passes on nothing after the current message. */
  pause(): void {
    this.#isPaused = true;
    this.#reader.pause();
  }

  /** Goes on at the end of this turn of the event loop or later, unless it is paused again before. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    // Nothing may be left of what was held back, but the socket is still paused because of it.
    if (this.#ahead.length > 0 || this.#socket.isPaused()) atEndOfTurn(this.#readsAhead);
  }

  /** Whether something waits to be passed on. */
  get isHolding(): boolean {
    return this.#ahead.length > 0;
  }

  /** Drops what is held back, and everything that still comes. */
  stop(): void {
    this.#isOver = true;
    this.#ahead = [];
    this.#reader.stop();
  }

  take(chunk: Buffer, from: number): void {
    const mustWait = this.#isPaused || this.#ahead.length > 0;
    const at = mustWait ? from : this.#reader.push(chunk, from);
    if (at === chunk.length || this.#isOver) return;
    const rest = copied(chunk, at, chunk.length);
    this.#ahead.push(rest);
    this.#aheadCost += rest.length + CHUNK_COST;
    if (this.#aheadCost > AHEAD_BYTES) this.#socket.pause();
    // It was paused and resumed within one message.
    if (!mustWait && !this.#isPaused) atEndOfTurn(this.#readsAhead);
  }

  #readAhead(): void {
    while (!this.#isPaused && !this.#isOver) {
      const [chunk] = this.#ahead;
      if (chunk === undefined) return void this.#socket.resume();
      this.#aheadAt = this.#reader.push(chunk, this.#aheadAt);
      if (this.#aheadAt < chunk.length) return;
      this.#ahead.shift();
      this.#aheadAt = 0;
      this.#aheadCost -= chunk.length + CHUNK_COST;
    }
  }
}
