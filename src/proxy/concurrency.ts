import type { Limits } from './settings.ts';

/** A reply came easily if it took no more of the timeout than this. */
const EASY_SHARE = 0.5;
/** What a reply that came in time, and not easily, counts beside one that did: some endpoints always take so long. */
const HARD_WEIGHT = 0.1;

/**
 * How many attempts an endpoint may have in flight. It follows what the endpoint can bear: half of what it had in flight
 * when an attempt has timed out (once for all that were sent before that), and one more for each round of replies that came
 * easily while the limit was in use, or for each ten rounds that came in time. So a server that works on one request at a time gets about as much as it can answer in
 * time, and the rest waits in our queue, where a request can still go elsewhere. (AIMD, as in TCP; RFC 5681, section 3.1.)
 *
 * It begins at the most, so an endpoint that never lets an attempt time out is never held back. Pure: the clock is an argument.
 */
export class ConcurrencyLimit {
  readonly #isAdaptive: boolean;
  readonly #most: number;
  readonly #timeoutMs: number;
  #exact: number;
  #cutMs = Number.NEGATIVE_INFINITY;
  /** Whole, from 1 to the most. */
  value: number;

  constructor({ adaptive, inFlightPerEndpoint }: Limits, timeoutMs: number) {
    this.#isAdaptive = adaptive;
    this.#most = inFlightPerEndpoint;
    this.#timeoutMs = timeoutMs;
    this.#exact = inFlightPerEndpoint;
    this.value = inFlightPerEndpoint;
  }

  get isAtMost(): boolean {
    return this.value === this.#most;
  }

  /** @param inFlight when the reply came, its attempt included */
  answered(elapsedMs: number, inFlight: number): void {
    if (this.isAtMost || inFlight < this.value) return;
    const weight = elapsedMs <= this.#timeoutMs * EASY_SHARE ? 1 : HARD_WEIGHT;
    this.#set(this.#exact + weight / this.#exact);
  }

  /** @param inFlight the attempt that has timed out included */
  overdue(sentMs: number, nowMs: number, inFlight: number): void {
    if (!this.#isAdaptive || sentMs < this.#cutMs) return;
    this.#cutMs = nowMs;
    this.#set(Math.min(this.#exact, inFlight) / 2);
  }

  #set(limit: number): void {
    this.#exact = Math.min(this.#most, Math.max(1, limit));
    // 1 + 1/1 + 1/2 + ... never quite meets a whole number.
    this.value = Math.floor(this.#exact + 1e-9);
  }
}
