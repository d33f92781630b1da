import { readdirSync, readFileSync } from 'node:fs';

/** By `monotonicMs`. */
export interface Stall {
  fromMs: number;
  toMs: number;
}

const TICK_MS = 10;
/** How often the threads are looked at, and how often it is looked which there are, in ticks. */
const THREADS_EVERY = 5;
const LIST_EVERY = 50;
const { setInterval } = globalThis;

/** The same clock in every process of this machine. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Tells each stall of this process when it is over, from now on. */
export class StallRecorder {
  readonly #tell: (stall: Stall) => void;
  #tickMs = monotonicMs();
  #ticks = 0;
  /** For the main thread and each one of libzmq: how long it has waited for a CPU so far. Many short waits make a long one. */
  readonly #waits = new Map<string, number>();
  #threadsMs = this.#tickMs;

  constructor(tell: (stall: Stall) => void) {
    this.#tell = tell;
    setInterval(() => this.#tick(), TICK_MS).unref();
  }

  /** The stall that goes on at this moment, if one does. */
  get current(): Stall | undefined {
    const [fromMs, toMs] = [this.#tickMs + TICK_MS, monotonicMs()];
    return toMs - fromMs > TICK_MS ? { fromMs, toMs } : undefined;
  }

  #tick(): void {
    const { current } = this;
    if (current !== undefined) this.#tell(current);
    this.#tickMs = monotonicMs();
    if (this.#ticks % LIST_EVERY === 0) this.#list();
    if (this.#ticks++ % THREADS_EVERY === 0) this.#lookAtThreads();
  }

  #list(): void {
    for (const thread of filesOf('/proc/self/task')) {
      const isMain = thread === String(process.pid);
      const isOurs = isMain || textOf(`/proc/self/task/${thread}/comm`).startsWith('ZMQ');
      if (isOurs && !this.#waits.has(thread)) this.#waits.set(thread, waitMs(thread) ?? 0);
    }
  }

  #lookAtThreads(): void {
    const nowMs = monotonicMs();
    for (const [thread, before] of this.#waits) {
      const now = waitMs(thread) ?? before;
      this.#waits.set(thread, now);
      // Nobody knows when exactly it has waited since it was looked at before.
      const fromMs = Math.max(this.#threadsMs, nowMs - 2 * (now - before));
      if (now - before > TICK_MS) this.#tell({ fromMs, toMs: nowMs });
    }
    this.#threadsMs = nowMs;
  }
}

/** `undefined` where the system does not tell, as when no descriptor is left. */
function waitMs(thread: string): number | undefined {
  const [, waitNs] = textOf(`/proc/self/task/${thread}/schedstat`).split(' ');
  return waitNs === undefined ? undefined : Number(waitNs) / 1e6;
}

export function filesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

export function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
