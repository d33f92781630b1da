import type { Writable } from 'node:stream';
import type { LostLines } from './tap-events.ts';

/** Most characters kept for a reader that is slow. */
const KEPT_MOST = 1024 * 1024;
/** Lines of so short a time go out together: a system call for each would cost more than the requests that they tell of. */
const TOGETHER_MS = 20;

/**
 * Writes lines of JSON to a reader that may be slow, or not read at all. What does not fit is lost; a line in its place says how many
 * lines that were.
 */
export class BoundedLines {
  readonly #out: Writable;
  #pending = '';
  #lost = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #drained = () => this.#goOn();

  constructor(out: Writable) {
    this.#out = out;
    out.on('drain', this.#drained);
  }

  /**
   * @param make called only if there is room
   * @returns whether there was room
   */
  put(make: () => unknown): boolean {
    if (this.#lost > 0 || this.#out.writableLength + this.#pending.length >= KEPT_MOST) {
      this.#lost++;
      this.#timer ??= setTimeout(() => this.#flush(), TOGETHER_MS);
      return false;
    }
    this.#pending += `${JSON.stringify(make())}\n`;
    this.#timer ??= setTimeout(() => this.#flush(), TOGETHER_MS);
    return true;
  }

  /** Writes what is left. */
  end(): void {
    this.#out.off('drain', this.#drained);
    this.#tellLost();
    this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = this.#pending;
    this.#pending = '';
    if (text !== '') this.#out.write(text);
    // Otherwise it goes on when the reader has taken everything.
    if (!this.#out.writableNeedDrain) this.#goOn();
  }

  #goOn(): void {
    if (this.#lost === 0) return;
    this.#tellLost();
    this.#flush();
  }

  #tellLost(): void {
    if (this.#lost === 0) return;
    const line: LostLines = { kind: 'lost', lines: this.#lost };
    this.#lost = 0;
    this.#pending += `${JSON.stringify(line)}\n`;
  }
}
