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

/**
 * How long an endpoint takes to reply: a moving average (EWMA) of its reply times, raised by what is known of replies that did not come.
 * Pure: the clock is an argument.
 */
export class Latency {
  #estimateMs: number | undefined;
  #atMs = 0;
  /** How much the estimate rests on, and how many replies are among that. */
  #count = 0;
  #replies = 0;
  #replyMs: number | undefined;

  /** A reply came after that time. */
  observe(elapsedMs: number, nowMs: number): void {
    this.#forgetIfOld(nowMs);
    this.#replyMs =
      this.#replies === 0 ? elapsedMs : this.#average(this.#replyMs, elapsedMs, this.#replies + 1);
    // Replies that nobody waited for told only how long they would take at least.
    const soFarMs = this.#replies === 0 && this.#count < FIRST_REPLIES ? undefined : this.#estimateMs;
    this.#replies++;
    this.#learn(this.#average(soFarMs, elapsedMs, this.#count + 1), nowMs);
  }

  /** No reply came in that time: enough is known of it. */
  overdue(elapsedMs: number, nowMs: number): void {
    this.#forgetIfOld(nowMs);
    if (this.#count < FIRST_REPLIES) this.#estimateMs = undefined;
    this.#count = Math.max(this.#count, FIRST_REPLIES);
    this.#raise(elapsedMs, nowMs);
  }

  /** A reply was no longer waited for after that time, which tells something where little is known, or the estimate is less. */
  atLeast(elapsedMs: number, nowMs: number): void {
    this.#forgetIfOld(nowMs);
    if (this.#count >= FIRST_REPLIES) return this.#raise(elapsedMs, nowMs);
    const soFarMs = this.#estimateMs ?? 0;
    this.#learn(this.#replies > 0 ? soFarMs : Math.max(soFarMs, elapsedMs), nowMs);
  }

  /** Of replies alone, as far as they are remembered; `undefined` before the first. */
  get replyMs(): number | undefined {
    return this.#replyMs;
  }

  /** The estimate, faded by the time since it was made; `undefined` where too little is known, or nothing any more. */
  fadedMs(nowMs: number): number | undefined {
    if (this.#estimateMs === undefined || this.#count < FIRST_REPLIES || this.#isOld(nowMs)) return undefined;
    return this.#estimateMs * Math.exp(-(nowMs - this.#atMs) / MEMORY_MS);
  }

  #raise(elapsedMs: number, nowMs: number): void {
    if (elapsedMs <= (this.fadedMs(nowMs) ?? 0)) return;
    const raisedMs = this.#average(this.#estimateMs, elapsedMs, this.#count + 1);
    this.#learn(Math.max(this.#estimateMs ?? 0, raisedMs), nowMs);
  }

  #learn(estimateMs: number, nowMs: number): void {
    this.#estimateMs = estimateMs;
    this.#count++;
    this.#atMs = nowMs;
  }

  #average(soFarMs: number | undefined, elapsedMs: number, count: number): number {
    if (soFarMs === undefined) return elapsedMs;
    return count <= FIRST_REPLIES
      ? Math.min(soFarMs, elapsedMs)
      : soFarMs + (elapsedMs - soFarMs) * WEIGHT_OF_NEWEST;
  }

  #forgetIfOld(nowMs: number): void {
    if (!this.#isOld(nowMs)) return;
    this.#estimateMs = undefined;
    this.#count = 0;
    this.#replies = 0;
  }

  /** What was never known cannot be old. */
  #isOld(nowMs: number): boolean {
    if (this.#estimateMs === undefined) return false;
    const memoryMs = Math.min(MEMORY_MS, Math.max(MEMORY_LEAST_MS, WORTH * this.#estimateMs));
    return nowMs - this.#atMs > memoryMs;
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
