/** Notices that a peer has been silent for too long. */
export class Silence {
  readonly #chunks: () => number;
  readonly #tooLong: () => void;
  #chunksBefore = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param chunks how many chunks have been read from the peer so far
   * @param tooLong may be called again if the peer goes on being silent
   */
  constructor(chunks: () => number, tooLong: () => void) {
    this.#chunks = chunks;
    this.#tooLong = tooLong;
  }

  /** Something must come within this time, unless an earlier call already waits for it. */
  expect(withinMs: number): void {
    const chunks = this.#chunks();
    if (this.#timer !== undefined && chunks === this.#chunksBefore) return;
    this.#chunksBefore = chunks;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), withinMs).unref();
  }

  /** Nothing is expected any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Timers run before input is read. If this process was stalled, the answer may have come meanwhile. */
  #look(): void {
    const before = this.#chunksBefore;
    this.#timer = undefined;
    setImmediate(() => {
      if (this.#chunks() === before) this.#tooLong();
    });
  }
}
