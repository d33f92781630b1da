import type { Attempt } from './attempt.ts';

/**
 * A late reply is expected for this many times as long as the last reply took. More than 2, because in a server that works on
 * one request at a time, the second takes twice as long as the first.
 */
const EXPECTED_TIMES = 2.5;
/** An endpoint is mute if it has answered nothing for this many timeouts. */
const MUTE_TIMEOUTS = 2;
/** One round is ahead of an attempt when it is sent; while it waits, further rounds may go out on other connections. */
const ROUNDS = 3;

/**
 * The late attempts at an endpoint, in the order in which they were sent, and how long they keep their places. Pure: the clock is an
 * argument.
 */
export class LateAttempts {
  size = 0;
  /** How many attempts the endpoint has answered. */
  answers = 0;
  #oldest: Attempt | undefined;
  #newest: Attempt | undefined;
  /** A reply is expected for the attempts sent since this time: the first of them, and how many they are. */
  #expectedSinceMs = Number.POSITIVE_INFINITY;
  #firstExpected: Attempt | undefined;
  #expected = 0;
  #timeoutMs: number;
  /** An attempt was overtaken if the endpoint has answered this many others since. */
  #overtakers: number;
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

  /** Attempts become late nearly in the order in which they were sent, so the place for one is found in a few steps. */
  add(attempt: Attempt): void {
    this.size++;
    let older = this.#newest;
    while (older !== undefined && older.sentMs > attempt.sentMs) older = older.older;
    const newer = older === undefined ? this.#oldest : older.newer;
    attempt.older = older;
    attempt.newer = newer;
    if (older === undefined) this.#oldest = attempt;
    else older.newer = attempt;
    if (newer === undefined) this.#newest = attempt;
    else newer.older = attempt;
    if (attempt.sentMs < this.#expectedSinceMs) return;
    this.#expected++;
    if (newer === this.#firstExpected) this.#firstExpected = attempt;
  }

  remove(attempt: Attempt): void {
    this.size--;
    const { older, newer } = attempt;
    if (attempt.sentMs >= this.#expectedSinceMs) this.#expected--;
    if (attempt === this.#firstExpected) this.#firstExpected = newer;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    attempt.older = attempt.newer = undefined;
  }

  /** How many of them a reply is expected for. The time moves little between two calls, so few are passed. */
  countExpected(nowMs: number): number {
    const sinceMs = nowMs - EXPECTED_TIMES * this.#lastReplyMs;
    this.#expectedSinceMs = sinceMs;
    let first = this.#firstExpected;
    for (; first !== undefined && first.sentMs < sinceMs; first = first.newer) this.#expected--;
    let older = first === undefined ? this.#newest : first.older;
    for (; older !== undefined && older.sentMs >= sinceMs; older = older.older) {
      this.#expected++;
      first = older;
    }
    this.#firstExpected = first;
    return this.#expected;
  }

  /**
   * The late attempt that must give up its place to a new one, at the earliest two timeouts after it was sent. A server that
   * works on one request at a time serves its connections in turn, so an attempt that has waited for several rounds is probably
   * lost. If the endpoint has been mute for that long, one new attempt probes it. It replaces the newest late attempt, whose
   * reply would be the last to come, unless that is the only one.
   *
   * @param isAllLate whether all attempts at the endpoint are late
   */
  toForget(isAllLate: boolean, nowMs: number): Attempt | undefined {
    const oldest = this.#oldest;
    const longAgoMs = nowMs - MUTE_TIMEOUTS * this.#timeoutMs;
    if (oldest === undefined || oldest.sentMs > longAgoMs) return undefined;
    if (this.answers - oldest.answersBefore >= this.#overtakers) return oldest;
    return isAllLate && this.#answeredMs <= longAgoMs && this.#newest !== oldest ? this.#newest : undefined;
  }
}
