const TICK_MS = 5;

/** Adds up the time that this process was stalled, whether it was busy itself or another process had its core. */
export class Absence {
  #absentMs = 0;
  #tickMs = performance.now();

  constructor() {
    setInterval(() => {
      this.#absentMs += this.#lateMs();
      this.#tickMs = performance.now();
    }, TICK_MS).unref();
  }

  /** A clock that stops while the process is stalled. */
  attentiveMs(): number {
    return performance.now() - this.#absentMs - this.#lateMs();
  }

  #lateMs(): number {
    return Math.max(0, performance.now() - this.#tickMs - 2 * TICK_MS);
  }
}
