import type { Attempt, Caller } from './attempt.ts';
import type { Place } from './load.ts';

/** A request that wants to be sent. */
export interface Waiter extends Caller {
  readonly place: Place;
  readonly deadlineMs: number;
  /** Whether it needs no place any more. */
  readonly isDecided: boolean;
  /** Addresses that it has been sent to; a retry prefers others. */
  readonly tried: readonly string[];
  /** It got its place; not sent yet. */
  granted(attempt: Attempt): void;
  /** It will be past its deadline before a reply is likely, so it is not sent at all; it stands in line no more. */
  hopeless(): void;
  /** Whether any endpoint is usable has changed, or it stands in line no more because another upstream is there for it. */
  usableChanged(): void;
}

/** Who waits for a place, in order of arrival; those that have been sent before stand ahead of those that have not. */
export class Line {
  readonly #retries: Waiter[] = [];
  readonly #firsts: Waiter[] = [];

  get isEmpty(): boolean {
    return this.#retries.length + this.#firsts.length === 0;
  }

  get hasRetries(): boolean {
    return this.#retries.length > 0;
  }

  get all(): Waiter[] {
    return [...this.#retries, ...this.#firsts];
  }

  /**
   * Who is first.
   *
   * @param mayStart whether one that was never sent may be
   */
  next(mayStart: boolean): Waiter | undefined {
    return this.#retries[0] ?? (mayStart ? this.#firsts[0] : undefined);
  }

  /** Who came last, where nobody in line was ever sent. */
  get last(): Waiter | undefined {
    return this.hasRetries ? undefined : this.#firsts.at(-1);
  }

  /** Stands in line from now on, once. */
  join(waiter: Waiter): void {
    const line = waiter.tried.length > 0 ? this.#retries : this.#firsts;
    if (!line.includes(waiter)) line.push(waiter);
  }

  leave(waiter: Waiter): void {
    for (const line of [this.#retries, this.#firsts]) {
      const index = line.indexOf(waiter);
      // The first one mostly, which `shift` takes away without moving the others.
      if (index === 0) line.shift();
      else if (index > 0) line.splice(index, 1);
    }
  }

  /** Everybody leaves. */
  clear(): Waiter[] {
    return [...this.#retries.splice(0), ...this.#firsts.splice(0)];
  }
}
