import type { Attempt, Caller } from './attempt.ts';
import type { Place } from './load.ts';

/** A request that waits to be sent. */
export interface Waiter extends Caller {
  readonly place: Place;
  readonly deadlineMs: number;
  /** Whether it no longer needs a place. */
  readonly isDecided: boolean;
  /** Addresses that it was sent to; a retry prefers others. */
  readonly tried: readonly string[];
  /** It was given a place; it is not sent yet. */
  granted(attempt: Attempt): void;
  /** No reply is likely before its deadline, so it is not sent at all. It has left the line. */
  hopeless(): void;
  /** The upstream became usable or unusable; or it has left the line because another upstream has taken over. */
  usableChanged(): void;
}

/** The requests that wait for a place, in order of arrival. Retries come before requests that were never sent. */
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
   * The first one in line.
   *
   * @param mayStart whether a request that was never sent may be sent
   */
  next(mayStart: (waiter: Waiter) => boolean): Waiter | undefined {
    const [retry] = this.#retries;
    if (retry !== undefined) return retry;
    const [first] = this.#firsts;
    return first !== undefined && mayStart(first) ? first : undefined;
  }

  /** The last one in line, if there are no retries. */
  get last(): Waiter | undefined {
    return this.hasRetries ? undefined : this.#firsts.at(-1);
  }

  /** Joins the line, unless it is there already. */
  join(waiter: Waiter): void {
    const line = waiter.tried.length > 0 ? this.#retries : this.#firsts;
    if (!line.includes(waiter)) line.push(waiter);
  }

  leave(waiter: Waiter): void {
    for (const line of [this.#retries, this.#firsts]) {
      const index = line.indexOf(waiter);
      // Mostly it is the first one, which `shift` removes without moving the others.
      if (index === 0) line.shift();
      else if (index > 0) line.splice(index, 1);
    }
  }

  /** Removes all, and returns them. */
  clear(): Waiter[] {
    return [...this.#retries.splice(0), ...this.#firsts.splice(0)];
  }
}
