import type { Attempt } from './attempt.ts';

/** A late reply is expected for so many times as long as the last reply took; where a server works on one after the other, the second takes twice as long as the first. */
const PATIENCE = 2.5;
/** An endpoint that has answered nothing for so many timeouts is mute. */
const MUTE = 2;
/** One round is ahead of an attempt when it is sent, and may be again on other connections while it waits. */
const ROUNDS = 3;

/** The first and the last one sent of those attempts at an endpoint that are late. */
export interface Late {
  readonly oldest: Attempt | undefined;
  readonly newest: Attempt | undefined;
}

/** For how long late replies of an endpoint are worth a place there. Pure: the clock is an argument. */
export class Patience {
  readonly #timeoutMs: number;
  /** It was overtaken, where so many have been answered since. */
  readonly #overtakers: number;
  /** How many it has answered. */
  answers = 0;
  /** How long the last reply took, late or not; 0 before the first. */
  #lastReplyMs = 0;
  #answeredMs = Number.NEGATIVE_INFINITY;

  /** @param most attempts that the endpoint may have at once */
  constructor(timeoutMs: number, most: number) {
    this.#timeoutMs = timeoutMs;
    this.#overtakers = ROUNDS * most;
  }

  /** Another process may be there now. */
  renew(): void {
    this.#lastReplyMs = 0;
  }

  answered(sentMs: number, nowMs: number): void {
    this.#lastReplyMs = nowMs - sentMs;
    this.#answeredMs = nowMs;
    this.answers++;
  }

  /** Of a late attempt that was sent before then no reply is expected. */
  expectedSinceMs(nowMs: number): number {
    return nowMs - PATIENCE * this.#lastReplyMs;
  }

  /**
   * The late attempt whose place another one may have, once it has been sent two timeouts ago. An endpoint that works on one after
   * the other takes its connections in turns, so what has waited for some rounds of them is lost, most likely. Where it has been mute
   * for as long, one attempt is to find out: in place of the newest, whose reply would be the last to come, unless it is the only one.
   *
   * @param isAllLate whether it has no attempt but late ones
   */
  toForget({ oldest, newest }: Late, isAllLate: boolean, nowMs: number): Attempt | undefined {
    const longAgoMs = nowMs - MUTE * this.#timeoutMs;
    if (oldest === undefined || oldest.sentMs > longAgoMs) return undefined;
    if (this.answers - oldest.answersBefore >= this.#overtakers) return oldest;
    return isAllLate && this.#answeredMs <= longAgoMs && newest !== oldest ? newest : undefined;
  }
}
