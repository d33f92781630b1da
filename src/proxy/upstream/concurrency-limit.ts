/** A reply is quick if it took at most this share of the timeout. */
const EASY_SHARE = 0.5;
/** The weight of a reply that is in time but not quick; a quick one counts 1. Not 0, because some endpoints always take that long. */
const HARD_WEIGHT = 0.1;

/**
 * How many attempts an endpoint may have in flight. The limit adapts to what the endpoint can handle. When an attempt times
 * out, the limit falls to half of what was in flight (once for all attempts sent before that). While the limit is in use, it
 * rises by one for each round of quick replies, or for every ten rounds of replies in time. So a server that works on one
 * request at a time gets about as many as it can answer in time. The rest wait in our queue, from where they can still go to
 * another endpoint. (AIMD, as in TCP; RFC 5681, section 3.1.)
 *
 * It starts at the maximum, so an endpoint without timeouts is never limited. Pure: the clock is an argument.
 */
export class ConcurrencyLimit {
  #isAdaptive: boolean;
  #most: number;
  #timeoutMs: number;
  #exact: number;
  #cutMs = Number.NEGATIVE_INFINITY;
  /** A whole number from 1 to the maximum. */
  value: number;

  constructor(isAdaptive: boolean, most: number, timeoutMs: number) {
    this.#isAdaptive = isAdaptive;
    this.#most = most;
    this.#timeoutMs = timeoutMs;
    this.#exact = most;
    this.value = most;
  }

  /** Applies changed settings. A lowered limit stays lowered, as far as they allow. */
  adjust(isAdaptive: boolean, most: number, timeoutMs: number): void {
    const isHeldBack = isAdaptive && !this.isAtMost;
    this.#isAdaptive = isAdaptive;
    this.#timeoutMs = timeoutMs;
    this.#most = most;
    this.#set(isHeldBack ? this.#exact : most);
  }

  get isAtMost(): boolean {
    return this.value === this.#most;
  }

  /** @param inFlight when the reply arrived, including its own attempt */
  answered(elapsedMs: number, inFlight: number): void {
    if (this.isAtMost || inFlight < this.value) return;
    const weight = elapsedMs <= this.#timeoutMs * EASY_SHARE ? 1 : HARD_WEIGHT;
    this.#set(this.#exact + weight / this.#exact);
  }

  /** @param inFlight including the attempt that timed out */
  overdue(sentMs: number, nowMs: number, inFlight: number): void {
    if (!this.#isAdaptive || sentMs < this.#cutMs) return;
    this.#cutMs = nowMs;
    this.#set(Math.min(this.#exact, inFlight) / 2);
  }

  #set(limit: number): void {
    this.#exact = Math.min(this.#most, Math.max(1, limit));
    // The sum 1 + 1/1 + 1/2 + ... can stay just below a whole number.
    this.value = Math.floor(this.#exact + 1e-9);
  }
}
