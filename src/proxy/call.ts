import type { Body } from '../transport/message.ts';
import type { Attempt } from './attempt.ts';
import type { AttemptFailure } from './events.ts';
import type { Waiter } from './line.ts';
import type { Place } from './load.ts';
import type { RetryPolicy } from './settings.ts';

/** Called when an attempt has ended. */
export type AttemptEnded = (attempt: Attempt, result: 'ok' | AttemptFailure) => void;

/**
 * Why a call ended without a reply. `cut`: the route is shutting down and cannot wait any longer. `hopeless`: it was not sent,
 * because no reply could come in time. `left`: its client has left. `replyTooLarge`: it would be too large every time, so it is not retried.
 */
export type CallEnd = 'cut' | 'hopeless' | 'left' | 'replyTooLarge';

/**
 * One request in progress: its attempts so far, what it still waits for, and its result. Attempts, the upstream and a drain record
 * events here; the forwarder's loop reads them whenever `change` resolves.
 */
export class Call implements Waiter {
  /** Its position in the forwarder's bag. */
  index = 0;
  readonly body: Body;
  readonly place: Place;
  /** By `performance.now`, like all times here. */
  readonly arrivedMs: number;
  deadlineMs: number;
  /** The policy that was in force when it arrived. */
  readonly policy: RetryPolicy;
  /** Addresses of the attempts so far, in order. */
  readonly tried: string[] = [];
  /** Attempts whose reply may still arrive. */
  readonly pending: Attempt[] = [];
  /** The place that it was given while it waited for one. */
  picked: Attempt | undefined;
  /** The first reply to any of its attempts. */
  reply: Body | undefined;
  /** The size of a reply that was too large. */
  replyBytes = 0;
  /** Why the last failed attempt failed. */
  failure: Exclude<AttemptFailure, 'timeout'> = 'lost';
  /** Why it ended without a reply, if it did. */
  end: CallEnd | undefined;
  /** Attempts that never left this process. */
  #unsent = 0;
  readonly #ended: AttemptEnded;
  /** Ends the current wait, if there is one. */
  #resume: ((why: 'event' | 'time') => void) | undefined;
  /** The timer of the current or last wait. */
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

  /** Whether an attempt may have left this process. Those that wait for the kernel are taken back. */
  wasHandedOver(): boolean {
    let unsent = this.#unsent;
    for (const attempt of this.pending) if (attempt.lane.withdraw(attempt)) unsent++;
    return this.tried.length > unsent;
  }

  /** Whether an attempt is in flight that has not timed out yet. */
  get isAwaiting(): boolean {
    for (const { phase } of this.pending) if (phase === 'awaited') return true;
    return false;
  }

  /**
   * Waits for the next event, which may be an attempt's timeout, or until the given time. Before a timeout is declared, input that
   * has already reached the process is read. So after a stall of the event loop, a reply that was only unread is not taken for
   * missing.
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

  /** Waits until the call is decided, waiting is no longer worthwhile, or the given time or the deadline has come. */
  async until(untilMs: number, isWorthwhile: () => boolean): Promise<void> {
    while (!this.isDecided && isWorthwhile()) {
      if ((await this.change(Math.min(untilMs, this.deadlineMs))) === 'time') return;
    }
  }

  /** Moves the deadline forward to this time, unless it is earlier already. */
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

  replied(attempt: Attempt, body: Body): void {
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
    this.#release(attempt);
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
    // The wait of this timer may be over, and another one may have started.
    if (this.#resume === undefined || this.#timer !== timer) return;
    this.#timeOut(nextMs);
    this.#wake(nextMs < untilMs ? 'event' : 'time');
  }

  #endAttempt(attempt: Attempt): void {
    const index = this.pending.indexOf(attempt);
    if (index !== -1) this.pending.splice(index, 1);
  }

  /** The time of the next event: the end of the wait, or an attempt's timeout. */
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
      this.#release(attempt);
    }
  }

  #release(attempt: Attempt): void {
    if (attempt.lane.withdraw(attempt)) this.#unsent++;
    attempt.lane.release(attempt);
  }

  #timeoutAtMs({ sentMs }: Attempt): number {
    return Math.min(sentMs + this.policy.timeoutMs, this.deadlineMs);
  }

  failed(attempt: Attempt, failure: 'unsent' | 'lost' | 'protocol'): void {
    if (attempt.phase === 'picked') {
      // A lost place does not count as an attempt. If the forwarder has already taken it, its send will fail.
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
