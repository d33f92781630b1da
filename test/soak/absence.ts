const TICK_MS = 5;

/** Keeps account of the time that this process was not at its events, whether it was busy or another one was on its core. */
export class Absence {
  #absentMs = 0;
  #tickMs = performance.now();

  constructor() {
    setInterval(() => {
      this.#absentMs += this.#lateMs();
      this.#tickMs = performance.now();
    }, TICK_MS).unref();
  }

  /** A clock that stands still while nobody is there to look at it. */
  attentiveMs(): number {
    return performance.now() - this.#absentMs - this.#lateMs();
  }

  #lateMs(): number {
    return Math.max(0, performance.now() - this.#tickMs - 2 * TICK_MS);
  }
}
