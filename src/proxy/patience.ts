import type { Attempt } from './attempt.ts';

/**
 * A late reply is expected for this many times as long as the last reply took. More than 2, because in a server that works on
 * one request at a time, the second takes twice as long as the first.
 */
const PATIENCE = 2.5;
/** An endpoint is mute if it has answered nothing for this many timeouts. */
const MUTE = 2;
/** One round is ahead of an attempt when it is sent; while it waits, further rounds may go out on other connections. */
const ROUNDS = 3;

/** The first and the last one sent of the late attempts at an endpoint. */
export interface Late {
  readonly oldest: Attempt | undefined;
  readonly newest: Attempt | undefined;
}

/** Decides how long late attempts keep their places at an endpoint. Pure: the clock is an argument. */
export class Patience {
  #timeoutMs: number;
  /** An attempt was overtaken if the endpoint has answered this many others since. */
  #overtakers: number;
  /** How many attempts the endpoint has answered. */
  answers = 0;
  /** How long the last reply took, whether late or not; 0 before the first. */
  #lastReplyMs = 0;
  #answeredMs = Number.NEGATIVE_INFINITY;

  /** @param most attempts that the endpoint may have in flight */
  constructor(timeoutMs: number, most: number) {
    this.#timeoutMs = timeoutMs;
    this.#overtakers = ROUNDS * most;
  }

  /** Applies changed settings. */
  adjust(timeoutMs: number, most: number): void {
    this.#timeoutMs = timeoutMs;
    this.#overtakers = ROUNDS * most;
  }

  /** Forgets how long replies took: the endpoint may be another process now. */
  renew(): void {
    this.#lastReplyMs = 0;
  }

  answered(sentMs: number, nowMs: number): void {
    this.#lastReplyMs = nowMs - sentMs;
    this.#answeredMs = nowMs;
    this.answers++;
  }

  /** No reply is expected for a late attempt that was sent before this time. */
  expectedSinceMs(nowMs: number): number {
    return nowMs - PATIENCE * this.#lastReplyMs;
  }

  /**
   * The late attempt that must give up its place to a new one, at the earliest two timeouts after it was sent. A server that
   * works on one request at a time serves its connections in turn, so an attempt that has waited for several rounds is probably
   * lost. If the endpoint has been mute for that long, one new attempt probes it. It replaces the newest late attempt, whose
   * reply would be the last to come, unless that is the only one.
   *
   * @param isAllLate whether all attempts at the endpoint are late
   */
  toForget({ oldest, newest }: Late, isAllLate: boolean, nowMs: number): Attempt | undefined {
    const longAgoMs = nowMs - MUTE * this.#timeoutMs;
    if (oldest === undefined || oldest.sentMs > longAgoMs) return undefined;
    if (this.answers - oldest.answersBefore >= this.#overtakers) return oldest;
    return isAllLate && this.#answeredMs <= longAgoMs && newest !== oldest ? newest : undefined;
  }
}
