import type { EndpointSettings } from '../settings.ts';
import type { Attempt } from './attempt.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import { LateAttempts } from './late-attempts.ts';

/** How often to check for late attempts whose place can be reused, as a share of the timeout. */
const LOOK_SHARE = 0.1;

/** How many attempts an endpoint has, and how many more it may have. */
export class Capacity {
  /** Attempts that the endpoint has not answered yet, including late ones. */
  inFlight = 0;
  /** How many were sent so far, and not answered in time. */
  unanswered = 0;
  #answeredLate = 0;
  #settings: EndpointSettings;
  #isCorrelated = false;
  /** The most that may be in flight, late ones included. */
  #most: number;
  #looking: NodeJS.Timeout | undefined;
  readonly #late: LateAttempts;
  readonly #limit: ConcurrencyLimit;
  readonly #freed: () => void;

  /** @param freed called when there may be room for one more attempt because time has passed */
  constructor(settings: EndpointSettings, freed: () => void) {
    const { inFlight, adaptive, timeoutMs } = settings;
    this.#settings = settings;
    this.#most = inFlight.plain;
    this.#late = new LateAttempts(timeoutMs, this.#most);
    this.#limit = new ConcurrencyLimit(adaptive, this.#most, timeoutMs);
    this.#freed = freed;
  }

  /** Applies changed settings. */
  adjust(settings: EndpointSettings): void {
    const { inFlight, adaptive, timeoutMs } = settings;
    this.#settings = settings;
    this.#most = this.#isCorrelated ? inFlight.correlated : inFlight.plain;
    this.#late.adjust(timeoutMs, this.#most);
    this.#limit.adjust(adaptive, this.#most, timeoutMs);
  }

  /** With correlation, an endpoint may have more attempts. */
  set isCorrelated(isCorrelated: boolean) {
    if (isCorrelated === this.#isCorrelated) return;
    this.#isCorrelated = isCorrelated;
    this.adjust(this.#settings);
  }

  /** How many attempts may be in flight at the moment. */
  get limit(): number {
    return this.#limit.value;
  }

  /** The most connections that it may need: each late attempt may keep one. */
  get lanesMost(): number {
    return 2 * this.#most;
  }

  /** How many attempts it has answered in time. */
  get answered(): number {
    return this.#late.answers - this.#answeredLate;
  }

  /** Whether no further attempt may be sent, not even in the place of a late one. */
  get isFull(): boolean {
    if (this.#late.size === 0) return this.inFlight >= this.#limit.value;
    const nowMs = performance.now();
    return this.pressure(nowMs) >= this.limit || (this.isCrowded && this.toForget(nowMs) === undefined);
  }

  /** Whether the maximum is reached, so that one more attempt needs the place of a late one. */
  get isCrowded(): boolean {
    return this.inFlight >= this.#most;
  }

  /** How many attempts the endpoint is probably working on: those that are too late to expect a reply do not count. */
  pressure(nowMs: number): number {
    const late = this.#late.size;
    return late === 0 ? this.inFlight : this.inFlight - late + this.#late.countExpected(nowMs);
  }

  /** The endpoint may be another process now. */
  renew(): void {
    this.#late.renew();
  }

  sent(attempt: Attempt): void {
    this.inFlight++;
    attempt.answersBefore = this.#late.answers;
  }

  ended(attempt: Attempt): void {
    this.inFlight--;
    if (attempt.state === 'late') this.#late.remove(attempt);
  }

  /** It was answered, so it has ended. */
  wasAnswered(attempt: Attempt, nowMs: number): void {
    const { state, sentMs } = attempt;
    this.#late.answered(sentMs, nowMs);
    // The limit counts this one, too.
    if (state === 'awaited') this.#limit.answered(nowMs - sentMs, this.inFlight);
    else this.#answeredLate++;
    this.ended(attempt);
  }

  overdue(attempt: Attempt, nowMs: number): void {
    this.#late.add(attempt);
    this.#lookAgain();
    this.#limit.overdue(attempt.sentMs, nowMs, this.inFlight);
  }

  /** The late attempt that must give up its place to one more attempt when the endpoint `isCrowded`. */
  toForget(nowMs: number): Attempt | undefined {
    return this.#late.toForget(this.#late.size === this.inFlight, nowMs);
  }

  /** While attempts are late, room may appear just because time passes. */
  #lookAgain(): void {
    if (this.#looking !== undefined || this.#late.size === 0) return;
    this.#looking = setTimeout(() => {
      this.#looking = undefined;
      this.#freed();
      this.#lookAgain();
    }, LOOK_SHARE * this.#settings.timeoutMs).unref();
  }
}
