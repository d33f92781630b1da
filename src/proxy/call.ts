import type { Attempt } from './attempt.ts';
import type { AttemptFailure } from './events.ts';
import type { Waiter } from './line.ts';
import type { Place } from './load.ts';
import type { RetryPolicy } from './settings.ts';

/** Who keeps the account of attempts. */
export type AttemptEnded = (attempt: Attempt, result: 'ok' | AttemptFailure) => void;

/**
 * `cut`: the route is leaving and cannot wait any longer. `hopeless`: it was not sent, because no reply could come in time.
 * `replyTooLarge`: so it would be each time.
 */
export type CallEnd = 'cut' | 'hopeless' | 'replyTooLarge';

/**
 * One request on its way: what it has tried, what it still waits for, and what has come of it. Its attempts, the upstream
 * and a drain write here what has happened; the forwarder's loop reads it whenever `change` resolves.
 */
export class Call implements Waiter {
  /** Where the forwarder keeps it. */
  index = 0;
  readonly body: readonly Buffer[];
  readonly place: Place;
  /** On the clock of `performance.now`, as all times here. */
  readonly arrivedMs: number;
  deadlineMs: number;
  /** What was in force when it arrived. */
  readonly policy: RetryPolicy;
  /** Addresses of the attempts so far, in order. */
  readonly tried: string[] = [];
  /** Attempts whose reply may still come. */
  readonly pending: Attempt[] = [];
  /** The place that was given while waiting for one. */
  picked: Attempt | undefined;
  /** The first reply to any of its attempts. */
  reply: Buffer[] | undefined;
  /** Of a reply that was too large. */
  replyBytes = 0;
  /** Why the attempt that failed last did so. */
  failure: Exclude<AttemptFailure, 'timeout'> = 'lost';
  /** Why it is over without a reply, where it was ended. */
  end: CallEnd | undefined;
  /** Attempts that were never handed to a live connection. */
  #unsent = 0;
  readonly #ended: AttemptEnded;
  /** Ends the wait, where there is one. */
  #resume: ((why: 'event' | 'time') => void) | undefined;
  /** Of the wait now, or of the last one. */
  #timer: NodeJS.Timeout | undefined;

  constructor(
    { body, place, arrivedMs, deadlineMs }: Pick<Call, 'body' | 'place' | 'arrivedMs' | 'deadlineMs'>,
    policy: RetryPolicy,
    ended: AttemptEnded,
  ) {
    this.body = body;
    this.place = place;
    this.arrivedMs = arrivedMs;
    this.deadlineMs = deadlineMs;
    this.policy = policy;
    this.#ended = ended;
  }

  /** Whether there is nothing left to wait for. */
  get isDecided(): boolean {
    return this.reply !== undefined || this.end !== undefined;
  }

  get wasHandedOver(): boolean {
    return this.tried.length > this.#unsent;
  }

  /** Whether an attempt is under way that has not timed out yet. */
  get isAwaiting(): boolean {
    for (const { phase } of this.pending) if (phase === 'awaited') return true;
    return false;
  }

  /**
   * Waits until something has happened, an attempt's timeout included, or until the time has come. Before either is
   * believed, input that is in the process already is read: after a stall of the event loop no reply is taken for missing
   * that was only unread.
   */
  change(untilMs: number): Promise<'event' | 'time'> {
    const nextMs = this.#nextMs(untilMs);
    const timer = setTimeout(
      () => setImmediate(() => this.#timeIsUp(timer, nextMs, untilMs)),
      Math.max(1, Math.ceil(nextMs - performance.now())),
    );
    this.#timer = timer;
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  /** Waits until it is decided, waiting is in vain, or the time or the deadline has come. */
  async until(untilMs: number, isWorthwhile: () => boolean): Promise<void> {
    while (!this.isDecided && isWorthwhile()) {
      if ((await this.change(Math.min(untilMs, this.deadlineMs))) === 'time') return;
    }
  }

  /** It ends at that time at the latest. */
  shorten(deadlineMs: number): void {
    if (deadlineMs >= this.deadlineMs) return;
    this.deadlineMs = deadlineMs;
    this.#wake('event');
  }

  granted(attempt: Attempt): void {
    this.picked = attempt;
    this.#wake('event');
  }

  hopeless(): void {
    this.stop('hopeless');
  }

  usableChanged(): void {
    this.#wake('event');
  }

  stop(end: CallEnd): void {
    this.end = end;
    this.#wake('event');
  }

  replied(attempt: Attempt, body: Buffer[]): void {
    this.#endAttempt(attempt);
    this.reply = body;
    this.#ended(attempt, 'ok');
    this.#wake('event');
  }

  tooLarge(attempt: Attempt, bytes: number): void {
    this.#endAttempt(attempt);
    this.replyBytes = bytes;
    this.#ended(attempt, 'protocol');
    this.stop('replyTooLarge');
  }

  forgotten(attempt: Attempt): void {
    this.#endAttempt(attempt);
    attempt.lane.release(attempt);
    this.#wake('event');
  }

  #wake(why: 'event' | 'time'): void {
    const resume = this.#resume;
    if (resume === undefined) return;
    this.#resume = undefined;
    clearTimeout(this.#timer);
    resume(why);
  }

  #timeIsUp(timer: NodeJS.Timeout, nextMs: number, untilMs: number): void {
    // The wait that it was for may be over, and another begun.
    if (this.#resume === undefined || this.#timer !== timer) return;
    this.#timeOut(nextMs);
    this.#wake(nextMs < untilMs ? 'event' : 'time');
  }

  #endAttempt(attempt: Attempt): void {
    const index = this.pending.indexOf(attempt);
    if (index !== -1) this.pending.splice(index, 1);
  }

  /** The next time at which something is due: the end of the wait, or an attempt's timeout. */
  #nextMs(untilMs: number): number {
    let nextMs = untilMs;
    for (const attempt of this.pending)
      if (attempt.phase === 'awaited') nextMs = Math.min(nextMs, this.#timeoutAtMs(attempt));
    return nextMs;
  }

  #timeOut(nowMs: number): void {
    for (const attempt of [...this.pending]) {
      if (attempt.phase !== 'awaited' || this.#timeoutAtMs(attempt) > nowMs) continue;
      this.#ended(attempt, 'timeout');
      attempt.lane.timeOut(attempt, performance.now());
      if (this.policy.salvage) continue;
      this.#endAttempt(attempt);
      attempt.lane.release(attempt);
    }
  }

  #timeoutAtMs({ sentMs }: Attempt): number {
    return Math.min(sentMs + this.policy.timeoutMs, this.deadlineMs);
  }

  failed(attempt: Attempt, failure: 'unsent' | 'lost' | 'protocol'): void {
    if (attempt.phase === 'picked') {
      // A place that is gone was no attempt; if it has been taken from here already, the send will tell.
      if (attempt === this.picked) this.picked = undefined;
    } else {
      this.#endAttempt(attempt);
      if (failure === 'unsent') this.#unsent++;
      if (attempt.phase === 'awaited') this.failure = failure;
      this.#ended(attempt, failure);
    }
    this.#wake('event');
  }
}
