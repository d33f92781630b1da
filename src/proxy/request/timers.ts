/** Something that a time is set for. Only the timers change these. */
export interface Timed {
  /** Its bucket; `UNSET` while no time is set. */
  bucket: number;
  /** The tick at which it is due. */
  tick: number;
  /** Its neighbours in the bucket. */
  earlier: this | undefined;
  later: this | undefined;
}

export const UNSET = -1;
/** Its time has come, and it is about to be told. */
const DUE = -2;

/** Items that are due later than this many ticks come round more than once before they are due. */
const BUCKETS = 1_024;

/**
 * Times for many items, with one timer of Node for all. Setting and clearing a time costs the same with ten items as with a million,
 * and takes no memory. (A hashed timing wheel with a tick of 1 ms: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987.)
 *
 * Before an item is due, input that has already reached the process is read. So after a stall of the event loop, a reply that was only
 * unread is not taken for missing.
 */
export class Timers<T extends Timed> {
  readonly #buckets: (T | undefined)[] = new Array(BUCKETS).fill(undefined);
  readonly #due: (item: T, nowMs: number) => void;
  #size = 0;
  /** All buckets up to this tick have been looked at. */
  #doneTick = 0;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires. */
  #timerTick = Number.POSITIVE_INFINITY;

  /** @param due called once for an item whose time has come, with a time that is not earlier */
  constructor(due: (item: T, nowMs: number) => void) {
    this.#due = due;
  }

  /** Sets the time for an item, by `performance.now`, in place of its earlier one. */
  set(item: T, dueMs: number, nowMs: number): void {
    if (this.#size === 0) this.#doneTick = Math.floor(nowMs);
    const tick = Math.max(Math.ceil(dueMs), this.#doneTick + 1);
    if (item.bucket >= 0) {
      if (item.tick === tick) return;
      this.#unlink(item);
    }
    this.#link(item, tick);
    if (tick < this.#timerTick) this.#arm(tick, nowMs);
  }

  clear(item: T): void {
    if (item.bucket >= 0) this.#unlink(item);
    item.bucket = UNSET;
  }

  #link(item: T, tick: number): void {
    const bucket = tick % BUCKETS;
    const first = this.#buckets[bucket];
    item.tick = tick;
    item.bucket = bucket;
    item.later = first;
    if (first !== undefined) first.earlier = item;
    this.#buckets[bucket] = item;
    this.#size++;
  }

  #unlink(item: T): void {
    const { earlier, later, bucket } = item;
    if (earlier === undefined) this.#buckets[bucket] = later;
    else earlier.later = later;
    if (later !== undefined) later.earlier = earlier;
    item.earlier = item.later = undefined;
    item.bucket = UNSET;
    this.#size--;
  }

  #arm(tick: number, nowMs: number): void {
    clearTimeout(this.#timer);
    this.#timerTick = tick;
    // What keeps the process alive is what the items wait for.
    this.#timer = setTimeout(() => this.#fired(), Math.max(1, Math.ceil(tick - nowMs))).unref();
  }

  #fired(): void {
    const nowMs = performance.now();
    setImmediate(() => this.#pass(nowMs));
  }

  /** @param nowMs what is due by then has had its time */
  #pass(nowMs: number): void {
    const nowTick = Math.floor(nowMs);
    const due: T[] = [];
    const fromTick = Math.max(this.#doneTick + 1, nowTick - BUCKETS + 1);
    for (let tick = fromTick; tick <= nowTick; tick++) this.#take(tick % BUCKETS, nowTick, due);
    this.#doneTick = Math.max(this.#doneTick, nowTick);
    this.#timerTick = Number.POSITIVE_INFINITY;
    // In the order of their times: within a bucket the newest comes first.
    due.sort((one, other) => one.tick - other.tick);
    for (const item of due) {
      // What happened to an earlier one may have cleared its time.
      if (item.bucket !== DUE) continue;
      item.bucket = UNSET;
      this.#due(item, nowMs);
    }
    if (this.#size > 0) this.#armNext();
  }

  #take(bucket: number, nowTick: number, due: T[]): void {
    for (let item = this.#buckets[bucket]; item !== undefined; ) {
      const next = item.later;
      if (item.tick <= nowTick) {
        this.#unlink(item);
        item.bucket = DUE;
        due.push(item);
      }
      item = next;
    }
  }

  /** Sets the timer for the next bucket that is in use. */
  #armNext(): void {
    const nowMs = performance.now();
    let tick = this.#doneTick + 1;
    while (this.#buckets[tick % BUCKETS] === undefined) tick++;
    if (tick < this.#timerTick) this.#arm(tick, nowMs);
  }
}
