import type { Body } from '../message.ts';

/** A body that lies in one piece in memory that it shares with others. That saves a Buffer and an array for each message. */
export class WireSlice implements Body {
  readonly #memory: Buffer;
  readonly #from: number;
  readonly #to: number;
  readonly bytes: number;
  readonly weight: number;
  /** Whether its memory is used again as soon as the call returns that it was passed to. */
  readonly isLent: boolean;

  constructor(memory: Buffer, from: number, to: number, bytes: number, weight: number, isLent: boolean) {
    this.#memory = memory;
    this.#from = from;
    this.#to = to;
    this.bytes = bytes;
    this.weight = weight;
    this.isLent = isLent;
  }

  get chunks(): Buffer[] {
    return [this.#memory.subarray(this.#from, this.#to)];
  }

  get length(): number {
    return this.#to - this.#from;
  }

  /** @returns where the copy ends */
  copyTo(target: Buffer, at: number): number {
    return copyBytes(this.#memory, this.#from, this.#to, target, at);
  }
}

/** Up to this length a loop is faster than a call into Node. */
const LOOP_MOST = 128;

/** @returns where the copy ends */
export function copyBytes(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  if (end - start > LOOP_MOST) return at + from.copy(to, at, start, end);
  let next = at;
  for (let index = start; index < end; index++) to[next++] = from[index] as number;
  return next;
}

/** A copy in memory of its own. Of Node's pool a small one would keep 64 KiB. */
export function copied(from: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(end - start);
  copyBytes(from, start, end, copy, 0);
  return copy;
}

/** Longer copies have memory of their own. */
const SHARE_MOST = 4_608;
const BLOCK_BYTES = 20_480;

/** Copies bytes into blocks that they share, because a Buffer for each would cost more. A copy that is kept for long keeps one block. */
export class Copies {
  #block: Buffer = Buffer.alloc(0);
  #filled = 0;
  /** Where the last copy is. */
  memory: Buffer = this.#block;

  /** @returns where the copy starts in `memory` */
  add(from: Buffer, start: number, end: number): number {
    const bytes = end - start;
    if (bytes > SHARE_MOST) {
      this.memory = copied(from, start, end);
      return 0;
    }
    if (this.#filled + bytes > this.#block.length) {
      this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      this.#filled = 0;
    }
    this.memory = this.#block;
    const at = this.#filled;
    this.#filled = copyBytes(from, start, end, this.#block, at);
    return at;
  }
}
