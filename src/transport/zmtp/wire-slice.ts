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
