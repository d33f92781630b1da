import { copied } from './wire-slice.ts';

/** Smaller pieces share blocks, so that a message that arrives byte by byte does not need a Buffer for each byte. */
const BLOCK_BYTES = 4_096;

/** Collects copies of a message's wire bytes from the chunks that were read. */
export class Pieces {
  #all: Buffer[] = [];
  /** The block that small pieces are copied to. Its filled part is not in `#all` yet. */
  #block: Buffer | undefined;
  #filled = 0;

  add(chunk: Buffer, from: number, to: number): void {
    const length = to - from;
    if (length === 0) return;
    if (length >= BLOCK_BYTES) {
      this.#seal();
      this.#all.push(copied(chunk, from, to));
    } else this.#copy(chunk, from, to);
  }

  /** Returns everything that was added, in order, and empties itself. */
  take(): Buffer[] {
    this.#seal();
    const all = this.#all;
    this.clear();
    return all;
  }

  clear(): void {
    this.#all = [];
    this.#block = undefined;
    this.#filled = 0;
  }

  #copy(chunk: Buffer, from: number, to: number): void {
    if (this.#block !== undefined && this.#filled + to - from > BLOCK_BYTES) this.#seal();
    this.#block ??= Buffer.allocUnsafeSlow(BLOCK_BYTES);
    this.#filled += chunk.copy(this.#block, this.#filled, from, to);
  }

  #seal(): void {
    if (this.#block !== undefined) this.#all.push(this.#block.subarray(0, this.#filled));
    this.#block = undefined;
    this.#filled = 0;
  }
}
