import type { PendingRequest } from './pending-request.ts';

/**
 * The requests that wait for a place, in order of arrival. Retries come before requests that were never sent. Two linked lists, so
 * that joining and leaving cost the same in any line.
 */
export class WaitingLine {
  readonly #retries = new LinkedList();
  readonly #firsts = new LinkedList();

  get isEmpty(): boolean {
    return this.#retries.first === undefined && this.#firsts.first === undefined;
  }

  /** The first retry, if there is one. */
  get firstRetry(): PendingRequest | undefined {
    return this.#retries.first;
  }

  /** The first of the requests that were never sent. */
  get first(): PendingRequest | undefined {
    return this.#firsts.first;
  }

  /** The last of the requests that were never sent. */
  get last(): PendingRequest | undefined {
    return this.#firsts.last;
  }

  get all(): PendingRequest[] {
    return [...this.#retries.all(), ...this.#firsts.all()];
  }

  /** Joins the line, unless it stands in one already. */
  join(request: PendingRequest): void {
    if (request.line !== undefined) return;
    const list = request.attempts.length > 0 ? this.#retries : this.#firsts;
    list.add(request);
  }

  /** Removes all, and returns them. */
  clear(): PendingRequest[] {
    const { all } = this;
    for (const request of all) request.line?.leave(request);
    return all;
  }
}

/** What a request in line knows of it. */
export interface Line {
  leave(request: PendingRequest): void;
}

class LinkedList implements Line {
  first: PendingRequest | undefined;
  last: PendingRequest | undefined;

  add(request: PendingRequest): void {
    request.line = this;
    request.ahead = this.last;
    if (this.last === undefined) this.first = request;
    else this.last.behind = request;
    this.last = request;
  }

  leave(request: PendingRequest): void {
    const { ahead, behind } = request;
    if (ahead === undefined) this.first = behind;
    else ahead.behind = behind;
    if (behind === undefined) this.last = ahead;
    else behind.ahead = ahead;
    request.line = request.ahead = request.behind = undefined;
  }

  *all(): Generator<PendingRequest> {
    for (let at = this.first; at !== undefined; at = at.behind) yield at;
  }
}
