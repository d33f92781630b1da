import type { AttemptFailure } from './events.ts';
import type { Attempt } from './lane.ts';
import type { Place } from './load.ts';
import type { Waiter } from './upstream.ts';

/** Who keeps the account of attempts. */
export type AttemptEnded = (attempt: Attempt, result: 'ok' | Exclude<AttemptFailure, 'timeout'>) => void;

/**
 * One request on its way: what it has tried, what it still waits for, and what has come of it. Its attempts, the upstream
 * and a drain write here what has happened; the forwarder's loop reads it whenever `change` resolves.
 */
export class Call implements Waiter {
  /** Where the forwarder keeps it. */
  index = 0;
  readonly body: readonly Buffer[];
  readonly place: Place;
  readonly arrivedMs: number;
  /** On the clock of `performance.now`, as all times here. */
  readonly deadlineMs: number;
  /** Addresses of the attempts so far, in order. */
  readonly tried: string[] = [];
  /** Attempts whose reply may still come. */
  readonly pending = new Set<Attempt>();
  /** The place that was given while waiting for one. */
  picked: Attempt | undefined;
  /** The first reply to any of its attempts. */
  reply: Buffer[] | undefined;
  /** Why the newest attempt failed. */
  failure: Exclude<AttemptFailure, 'timeout'> = 'lost';
  /** The route is leaving and cannot wait any longer. */
  isCut = false;
  /** Attempts that were never handed to a live connection. */
  #unsent = 0;
  readonly #ended: AttemptEnded;
  #wake: ((why: 'event' | 'time') => void) | undefined;

  constructor(
    body: readonly Buffer[],
    place: Place,
    arrivedMs: number,
    deadlineMs: number,
    ended: AttemptEnded,
  ) {
    this.body = body;
    this.place = place;
    this.arrivedMs = arrivedMs;
    this.deadlineMs = deadlineMs;
    this.#ended = ended;
  }

  /** Whether there is nothing left to wait for. */
  get isDecided(): boolean {
    return this.reply !== undefined || this.isCut;
  }

  get wasHandedOver(): boolean {
    return this.tried.length > this.#unsent;
  }

  /**
   * Waits until something has happened, or until the time has come. When it has come, input that is in the process
   * already is read first: after a stall of the event loop no reply is taken for missing that was only unread.
   */
  change(untilMs: number): Promise<'event' | 'time'> {
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => setImmediate(() => wake('time')),
        Math.max(1, Math.ceil(untilMs - performance.now())),
      );
      const wake = (why: 'event' | 'time') => {
        clearTimeout(timer);
        resolve(why);
      };
      this.#wake = wake;
    });
  }

  /** Waits until it is decided, waiting is in vain, or the time has come. */
  async until(untilMs: number, isWorthwhile: () => boolean): Promise<void> {
    while (!this.isDecided && isWorthwhile()) {
      if ((await this.change(untilMs)) === 'time') return;
    }
  }

  granted(attempt: Attempt): void {
    this.picked = attempt;
    this.#wake?.('event');
  }

  usableChanged(): void {
    this.#wake?.('event');
  }

  cut(): void {
    this.isCut = true;
    this.#wake?.('event');
  }

  replied(attempt: Attempt, body: Buffer[]): void {
    this.pending.delete(attempt);
    this.reply = body;
    this.#ended(attempt, 'ok');
    this.#wake?.('event');
  }

  failed(attempt: Attempt, failure: 'unsent' | 'lost' | 'protocol'): void {
    if (attempt.phase === 'picked') {
      // A place that is gone was no attempt; if it has been taken from here already, the send will tell.
      if (attempt === this.picked) this.picked = undefined;
    } else {
      this.pending.delete(attempt);
      if (failure === 'unsent') this.#unsent++;
      if (attempt.phase === 'awaited') this.failure = failure;
      this.#ended(attempt, failure);
    }
    this.#wake?.('event');
  }
}
