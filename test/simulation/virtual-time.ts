/** Resolves when everything that is ready to run, including promises, has run. This is the only use of the real event loop. */
const realSetImmediate = globalThis.setImmediate;
const settled = () => new Promise<void>((resolve) => realSetImmediate(resolve));

interface Task {
  atMs: number;
  /** Tasks for the same time run in the order they were created. */
  order: number;
  run: (() => void) | undefined;
}

/**
 * Replaces the real clock with one that jumps from event to event, with the phases of Node's event loop: timers, then input,
 * then `setImmediate`, and promises after each. Code takes no time unless it calls `stall`.
 */
export class VirtualTime {
  nowMs = 0;
  readonly #timers = new Agenda();
  readonly #input = new Agenda();
  #immediates: (() => void)[] = [];
  #next: (() => void)[] = [];

  /** Replaces the global clock and timers for the rest of the process. */
  install(): void {
    const setTimer = (run: (...args: unknown[]) => void, ms = 1, ...args: unknown[]) =>
      timerOf(this.#timers.add(this.nowMs + Math.max(1, ms), () => run(...args)));
    const clear = (timer: { task: Task } | undefined) => {
      if (timer !== undefined) timer.task.run = undefined;
    };
    const setRepeated = (run: () => void, ms = 1) => {
      const timer = timerOf(this.#timers.add(this.nowMs + ms, () => tick()));
      const tick = () => {
        timer.task = this.#timers.add(this.nowMs + ms, tick);
        run();
      };
      return timer;
    };
    Object.assign(globalThis, {
      setTimeout: setTimer,
      clearTimeout: clear,
      setInterval: setRepeated,
      clearInterval: clear,
      setImmediate: (run: () => void) => this.#immediates.push(run),
    });
    performance.now = () => this.nowMs;
  }

  /** Resets the clock and drops all tasks. */
  clear(): void {
    this.nowMs = 0;
    this.#timers.clear();
    this.#input.clear();
    this.#immediates = [];
    this.#next = [];
  }

  /** Runs this when all promises of the current task have run. */
  afterThis(run: () => void): void {
    this.#next.push(run);
  }

  /** Schedules input from outside the process. */
  after(ms: number, run: () => void): void {
    this.#input.add(this.nowMs + ms, run);
  }

  /** The process does nothing for this time, while the world goes on. */
  stall(ms: number): void {
    this.nowMs += ms;
  }

  /** Whether there is input that the process has not read yet. */
  get isInputWaiting(): boolean {
    return this.#input.nextMs <= this.nowMs;
  }

  /** Runs everything that happens up to this time. */
  async run(untilMs: number): Promise<void> {
    await this.#settle();
    while (this.#immediates.length > 0 || this.#nextMs <= untilMs) {
      if (this.#immediates.length === 0) this.nowMs = Math.max(this.nowMs, this.#nextMs);
      await this.#phase(this.#timers);
      await this.#phase(this.#input);
      for (const run of this.#immediates.splice(0)) {
        run();
        await this.#settle();
      }
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
  }

  get #nextMs(): number {
    return Math.min(this.#timers.nextMs, this.#input.nextMs);
  }

  async #phase(agenda: Agenda): Promise<void> {
    for (let task = agenda.take(this.nowMs); task !== undefined; task = agenda.take(this.nowMs)) {
      task.run?.();
      await this.#settle();
    }
  }

  async #settle(): Promise<void> {
    await settled();
    if (this.#next.length > 0) for (const run of this.#next.splice(0)) run();
  }
}

function timerOf(task: Task) {
  return {
    task,
    unref() {
      return this;
    },
  };
}

/** A priority queue of tasks by time: a binary heap. */
class Agenda {
  #heap: Task[] = [];
  #order = 0;

  get nextMs(): number {
    this.#dropCancelled();
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  clear(): void {
    this.#order = 0;
    this.#heap = [];
  }

  add(atMs: number, run: () => void): Task {
    const task: Task = { atMs, order: this.#order++, run };
    const heap = this.#heap;
    let at = heap.push(task) - 1;
    for (; at > 0; at = (at - 1) >> 1) {
      const parent = heap[(at - 1) >> 1] as Task;
      if (!isBefore(task, parent)) break;
      heap[at] = parent;
    }
    heap[at] = task;
    return task;
  }

  /** The next one, if it is due. */
  take(nowMs: number): Task | undefined {
    return this.nextMs <= nowMs ? this.#pop() : undefined;
  }

  #dropCancelled(): void {
    while (this.#heap[0] !== undefined && this.#heap[0].run === undefined) this.#pop();
  }

  #pop(): Task | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || last === first) return first;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      let least = heap[left];
      let leastAt = left;
      if (heap[right] !== undefined && isBefore(heap[right], heap[left] as Task)) {
        least = heap[right];
        leastAt = right;
      }
      if (least === undefined || isBefore(last, least)) break;
      heap[at] = least;
      at = leastAt;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: Task, other: Task): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
