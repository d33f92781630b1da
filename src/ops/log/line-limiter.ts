type LineVerdict = { kind: 'pass' } | { kind: 'suppress'; isFirst: boolean; leftMs: number };

/** Lets the first lines of a kind through in each window and counts the others. Pure: the clock is an argument. */
export class LineLimiter {
  readonly #windowMs: number;
  readonly #windows = new Map<string, { sinceMs: number; passed: number; suppressed: number }>();
  #sweptMs = Number.NEGATIVE_INFINITY;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /**
   * Whether a line may pass. The verdict on the first suppressed line of a window says so, and the caller must then call `end`
   * after `leftMs`. Such a window lasts until then, so that every suppressed line is counted.
   */
  take(key: string, most: number, nowMs: number): LineVerdict {
    const window = this.#windows.get(key);
    const leftMs = window === undefined ? 0 : window.sinceMs + this.#windowMs - nowMs;
    if (window === undefined || (leftMs <= 0 && window.suppressed === 0)) {
      this.#sweep(nowMs);
      this.#windows.set(key, { sinceMs: nowMs, passed: 1, suppressed: 0 });
      return { kind: 'pass' };
    }
    if (window.passed < most) {
      window.passed++;
      return { kind: 'pass' };
    }
    window.suppressed++;
    return { kind: 'suppress', isFirst: window.suppressed === 1, leftMs };
  }

  /** Ends the window; the next line starts a new one. Returns the number of suppressed lines. */
  end(key: string): number {
    const suppressed = this.#windows.get(key)?.suppressed ?? 0;
    this.#windows.delete(key);
    return suppressed;
  }

  /** How many windows it keeps. */
  get size(): number {
    return this.#windows.size;
  }

  /** Once per window, forgets windows that are over and have nothing to report: routes come and go. */
  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptMs < this.#windowMs) return;
    this.#sweptMs = nowMs;
    for (const [key, { sinceMs, suppressed }] of this.#windows)
      if (suppressed === 0 && sinceMs + this.#windowMs <= nowMs) this.#windows.delete(key);
  }
}
