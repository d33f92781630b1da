/** How fast a latency fades while its endpoint gets no requests. */
const MEMORY_MS = 10_000;
/** A latency is forgotten after this many times its own length, and the endpoint is tried again: one slow request per period. */
const WORTH = 50;
const MEMORY_LEAST_MS = 1_000;
/** A process answers its first requests slowly, so the average starts with the lowest of this many. */
const FIRST_REPLIES = 5;
const WEIGHT_OF_NEWEST = 0.2;

/**
 * How long an endpoint takes to reply: a moving average (EWMA) of its reply times, raised by attempts that got no reply.
 * Pure: the clock is an argument.
 */
export class Latency {
  #estimateMs: number | undefined;
  #atMs = 0;
  /** How many observations the estimate is based on, and how many of them were replies. */
  #count = 0;
  #replies = 0;
  #replyMs: number | undefined;

  /** A reply came after this time. */
  observe(elapsedMs: number, nowMs: number): void {
    this.#forgetIfOld(nowMs);
    this.#replyMs =
      this.#replies === 0 ? elapsedMs : this.#average(this.#replyMs, elapsedMs, this.#replies + 1);
    // Abandoned attempts only gave a lower bound: replace it with the first real reply.
    const soFarMs = this.#replies === 0 && this.#count < FIRST_REPLIES ? undefined : this.#estimateMs;
    this.#replies++;
    this.#learn(this.#average(soFarMs, elapsedMs, this.#count + 1), nowMs);
  }

  /** No reply came in this time. That alone is enough for an estimate. */
  overdue(elapsedMs: number, nowMs: number): void {
    this.#forgetIfOld(nowMs);
    // Little is known yet, but an attempt that a deadline cut short must not make the endpoint look quicker than it is.
    if (this.#count < FIRST_REPLIES && elapsedMs >= (this.#estimateMs ?? 0)) this.#estimateMs = undefined;
    this.#count = Math.max(this.#count, FIRST_REPLIES);
    this.#raise(elapsedMs, nowMs);
  }

  /** An attempt was abandoned after this time. It counts if little is known, or if the estimate is lower. */
  atLeast(elapsedMs: number, nowMs: number): void {
    this.#forgetIfOld(nowMs);
    if (this.#count >= FIRST_REPLIES) return this.#raise(elapsedMs, nowMs);
    const soFarMs = this.#estimateMs ?? 0;
    this.#learn(this.#replies > 0 ? soFarMs : Math.max(soFarMs, elapsedMs), nowMs);
  }

  /** The average of replies alone, for `/status`; `undefined` before the first. */
  get replyMs(): number | undefined {
    return this.#replyMs;
  }

  /** The estimate, faded by its age; `undefined` if too little is known, or if it is too old. */
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
    if (nowMs - this.#atMs <= MEMORY_LEAST_MS || !this.#isOld(nowMs)) return;
    this.#estimateMs = undefined;
    this.#count = 0;
    this.#replies = 0;
  }

  /** An estimate that does not exist cannot be old. */
  #isOld(nowMs: number): boolean {
    if (this.#estimateMs === undefined) return false;
    const memoryMs = Math.min(MEMORY_MS, Math.max(MEMORY_LEAST_MS, WORTH * this.#estimateMs));
    return nowMs - this.#atMs > memoryMs;
  }
}
