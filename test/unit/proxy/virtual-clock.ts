import type { MockTracker } from 'node:test';

interface Timeout {
  readonly dueMs: number;
  readonly run: () => void;
  unref(): Timeout;
}

/**
 * An event loop that a test turns: its clock, its timeouts and its immediates. Why not the mock timers of Node: they call the same
 * timeout again and again if it sets an immediate that clears it.
 */
export class VirtualClock {
  /** Not a whole number, as a real clock hardly ever shows one. */
  nowMs = 100_000.25;
  readonly #timeouts = new Set<Timeout>();
  #immediates: (() => void)[] = [];

  constructor(mock: MockTracker) {
    mock.method(performance, 'now', () => this.nowMs);
    mock.method(globalThis, 'setTimeout', (run: () => void, ms: number) => this.#setTimeout(run, ms));
    mock.method(globalThis, 'clearTimeout', (timeout: Timeout) => this.#timeouts.delete(timeout));
    mock.method(globalThis, 'setImmediate', (run: () => void) => this.#immediates.push(run));
  }

  /** How many timeouts are set. */
  get timeouts(): number {
    return this.#timeouts.size;
  }

  /** The event loop turns every millisecond for so long. */
  pass(ms: number): void {
    for (let passedMs = 0; passedMs < ms; passedMs++) {
      this.nowMs++;
      this.turn();
    }
  }

  /** The event loop stands still for so long. */
  stall(ms: number): void {
    this.nowMs += ms;
  }

  /** One turn of the event loop: timeouts, then input, then immediates. */
  turn(input: () => void = () => undefined): void {
    const due = [...this.#timeouts].filter(({ dueMs }) => dueMs <= this.nowMs);
    for (const timeout of due.toSorted((one, other) => one.dueMs - other.dueMs))
      if (this.#timeouts.delete(timeout)) timeout.run();
    input();
    const immediates = this.#immediates;
    this.#immediates = [];
    for (const run of immediates) run();
  }

  #setTimeout(run: () => void, ms: number): Timeout {
    const timeout: Timeout = { dueMs: this.nowMs + ms, run, unref: () => timeout };
    this.#timeouts.add(timeout);
    return timeout;
  }
}
