/** How quickly a latency fades while its endpoint gets no work. */
const MEMORY_MS = 10_000;
/** After so many times itself it is forgotten, and the endpoint tried again: that costs one slow request in that time. */
const WORTH = 50;
const MEMORY_LEAST_MS = 1_000;
/** A process answers its first requests slowly: the least of so many is where the average begins. */
const FIRST_REPLIES = 5;
const WEIGHT_OF_NEWEST = 0.2;

/** An endpoint as the balancer sees it. */
export interface Choice {
  readonly inFlight: number;
  readonly latency: Latency;
}

/** A moving average (EWMA) of reply times. Pure: the clock is an argument. */
export class Latency {
  #averageMs: number | undefined;
  #atMs = 0;
  #count = 0;

  observe(elapsedMs: number, nowMs: number): void {
    if (this.#isForgotten(nowMs)) {
      this.#averageMs = undefined;
      this.#count = 0;
    }
    const averageMs = this.#averageMs ?? elapsedMs;
    this.#averageMs =
      ++this.#count <= FIRST_REPLIES
        ? Math.min(averageMs, elapsedMs)
        : averageMs + (elapsedMs - averageMs) * WEIGHT_OF_NEWEST;
    this.#atMs = nowMs;
  }

  /** No reply came in that time: enough is known of it. */
  overdue(elapsedMs: number, nowMs: number): void {
    if (this.#count < FIRST_REPLIES) this.#averageMs = undefined;
    this.#count = Math.max(this.#count, FIRST_REPLIES);
    if (this.#averageMs === undefined || elapsedMs > this.#averageMs) this.observe(elapsedMs, nowMs);
  }

  /** A reply was no longer waited for after that time, which tells something where little is known, or the average is less. */
  atLeast(elapsedMs: number, nowMs: number): void {
    if (this.#count < FIRST_REPLIES || elapsedMs > (this.#averageMs ?? 0)) this.observe(elapsedMs, nowMs);
  }

  /** `undefined` before the first reply. */
  get averageMs(): number | undefined {
    return this.#averageMs;
  }

  /** The average, faded by the time since the last reply; `undefined` where too little is known, or nothing any more. */
  fadedMs(nowMs: number): number | undefined {
    if (this.#averageMs === undefined || this.#count < FIRST_REPLIES || this.#isForgotten(nowMs))
      return undefined;
    return this.#averageMs * Math.exp(-(nowMs - this.#atMs) / MEMORY_MS);
  }

  #isForgotten(nowMs: number): boolean {
    const averageMs = this.#averageMs ?? 0;
    return nowMs - this.#atMs > Math.min(MEMORY_MS, Math.max(MEMORY_LEAST_MS, WORTH * averageMs));
  }
}

/**
 * Two random choices among those that fit; the one with the lower latency x (in flight + 1) wins. Where one of the two has
 * no latency yet, the one with less in flight. Two draws cost the same with a thousand endpoints as with three; only
 * where neither of them fits are all looked at.
 *
 * @param random in [0, 1)
 */
export function choose<T extends Choice>(
  all: readonly T[],
  fits: (choice: T) => boolean,
  random: () => number,
  nowMs: number,
): T | undefined {
  const [a, b] = draw(all, random);
  if (a !== undefined && b !== undefined && fits(a)) return fits(b) && isBetter(b, a, nowMs) ? b : a;
  if (b !== undefined && fits(b)) return b;
  const fitting = all.filter(fits);
  const [c, d] = draw(fitting, random);
  return c !== undefined && d !== undefined && isBetter(d, c, nowMs) ? d : c;
}

/** Two different ones, or the same twice where there is only one. */
function draw<T>(all: readonly T[], random: () => number): [T | undefined, T | undefined] {
  const first = Math.floor(random() * all.length);
  const second = all.length > 1 ? (first + 1 + Math.floor(random() * (all.length - 1))) % all.length : first;
  return [all[first], all[second]];
}

function isBetter(one: Choice, other: Choice, nowMs: number): boolean {
  const oneMs = one.latency.fadedMs(nowMs);
  const otherMs = other.latency.fadedMs(nowMs);
  if (oneMs === undefined || otherMs === undefined) return one.inFlight < other.inFlight;
  return oneMs * (one.inFlight + 1) < otherMs * (other.inFlight + 1);
}
