import type { Attempt } from './attempt.ts';
import { ConcurrencyLimit } from './concurrency.ts';
import type { Lanes } from './lanes.ts';
import { Patience } from './patience.ts';
import type { Policy } from './settings.ts';

/** How often to check for late attempts whose place can be reused, as a share of the timeout. */
const LOOK_SHARE = 0.1;

/** How many attempts an endpoint has, and how many more it may have. */
export class Capacity {
  /** Attempts that the endpoint has not answered yet, including those that have timed out. */
  inFlight = 0;
  /** Those of them that have timed out. */
  #late = 0;
  #policy: Policy;
  #isCorrelated = false;
  #looking: NodeJS.Timeout | undefined;
  #isMakingRoom = false;
  readonly #lanes: Lanes;
  readonly #freed: () => void;
  readonly #limit: ConcurrencyLimit;
  readonly #patience: Patience;

  /** @param freed called when there may be room for one more attempt */
  constructor(policy: Policy, lanes: Lanes, freed: () => void) {
    this.#policy = policy;
    this.#lanes = lanes;
    this.#freed = freed;
    const { limits, retry } = policy;
    this.#limit = new ConcurrencyLimit(limits.adaptive, this.#most, retry.timeoutMs);
    this.#patience = new Patience(retry.timeoutMs, this.#most);
  }

  /** Applies a changed policy. */
  adjust(policy: Policy): void {
    this.#policy = policy;
    const { limits, retry } = policy;
    this.#limit.adjust(limits.adaptive, this.#most, retry.timeoutMs);
    this.#patience.adjust(retry.timeoutMs, this.#most);
  }

  /** With correlation, an endpoint may have more attempts. */
  set isCorrelated(isCorrelated: boolean) {
    if (isCorrelated === this.#isCorrelated) return;
    this.#isCorrelated = isCorrelated;
    this.adjust(this.#policy);
  }

  get isFull(): boolean {
    return this.#pressure >= this.limit || (this.isCrowded && this.#toForget() === undefined);
  }

  /** Whether the maximum is reached, so that one more attempt needs the place of a late one. */
  get isCrowded(): boolean {
    return this.inFlight >= this.#most;
  }

  /** How many attempts may be in flight at the moment. */
  get limit(): number {
    return this.#limit.value;
  }

  /** Whether one more lane would help. */
  get wantsLane(): boolean {
    if (this.isFull || this.#lanes.isReopening || this.#lanes.size >= 2 * this.#most) return false;
    return this.#pressure + this.#lanes.countOf('connecting', 'handshaking') < this.limit;
  }

  /** The endpoint may be another process now. */
  renew(): void {
    this.#patience.renew();
  }

  joined(attempt: Attempt): void {
    this.inFlight++;
    attempt.answersBefore = this.#patience.answers;
  }

  left({ phase }: Attempt): void {
    this.inFlight--;
    if (phase === 'late') this.#late--;
    if (!this.#isMakingRoom) this.#freed();
  }

  answered({ phase, sentMs }: Attempt, nowMs: number): void {
    this.#patience.answered(sentMs, nowMs);
    if (phase === 'awaited') this.#limit.answered(nowMs - sentMs, this.inFlight);
  }

  overdue({ sentMs }: Attempt, nowMs: number): void {
    this.#late++;
    this.#lookAgain();
    this.#limit.overdue(sentMs, nowMs, this.inFlight);
  }

  /** Gives up a late attempt to make room, if that is due. @returns whether it did */
  makeRoom(): boolean {
    const forgotten = this.#toForget();
    this.#isMakingRoom = true;
    forgotten?.caller.forgotten(forgotten);
    this.#isMakingRoom = false;
    return forgotten !== undefined;
  }

  get #most(): number {
    const { plain, correlated } = this.#policy.limits.inFlightPerEndpoint;
    return this.#isCorrelated ? correlated : plain;
  }

  /** How many attempts the endpoint is probably working on: those that are too late to expect a reply do not count. */
  get #pressure(): number {
    if (this.#late === 0) return this.inFlight;
    return this.#lanes.countExpected(this.#patience.expectedSinceMs(performance.now()));
  }

  /** While attempts are late, room may appear just because time passes. */
  #lookAgain(): void {
    if (this.#looking !== undefined || this.#late === 0) return;
    this.#looking = setTimeout(() => {
      this.#looking = undefined;
      this.#freed();
      this.#lookAgain();
    }, LOOK_SHARE * this.#policy.retry.timeoutMs).unref();
  }

  #toForget(): Attempt | undefined {
    if (this.#late === 0) return undefined;
    return this.#patience.toForget(this.#lanes.late(), this.#late === this.inFlight, performance.now());
  }
}
