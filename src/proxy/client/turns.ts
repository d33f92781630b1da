import { type Body, NO_BODY } from '../../transport/message.ts';
import type { Client, ClientOwner, ReplyFate } from '../../transport/transport.ts';
import type { Request, RequestClient } from '../request/request.ts';
import { IndexedSet } from './indexed-set.ts';

/**
 * How many requests of a client are read beyond those that it may have in flight. Only while we read do we notice that it leaves, and
 * an app that waits for its replies never sends ahead. Further ones stay in the kernel, which holds the client back.
 */
const AHEAD = 16;

/** Why a request is refused as soon as it arrives. */
export type Refused = 'too large' | 'overflow';

export interface TurnsOwner {
  /** Most requests of one client in flight; above 1 the client must tell its replies apart itself. */
  readonly inFlightPerClient: number;
  /** @param refused why it is refused, if so; then the body is empty, and `bytes` is the size that it had */
  received(turns: Turns, envelope: Buffer, body: Body, bytes: number, refused?: Refused): Request;
  malformed(turns: Turns): void;
  /** It is this request's turn. `done` must follow. */
  begin(request: Request): void;
  /** The client has left: nobody waits for its requests in flight. */
  left(turns: Turns): void;
}

/**
 * The requests of one client. They are handled one at a time and in order, as by a REP socket, while clients do not wait for each
 * other. A plain REQ never has two requests in flight. A DEALER may send ahead, and relies on the order of its replies.
 */
export class Turns implements ClientOwner, RequestClient {
  readonly #client: Client;
  queued = 0;
  hasLeft = false;
  readonly #owner: TurnsOwner;
  readonly #inFlight = new IndexedSet<Request>();
  /** The latest deadline of its requests in flight and waiting. */
  #deadlineMs = 0;
  readonly #queue: Request[] = [];
  #isPaused = false;

  constructor(client: Client, owner: TurnsOwner) {
    this.#client = client;
    this.#owner = owner;
  }

  get address(): string | undefined {
    return this.#client.address;
  }

  get isIdle(): boolean {
    return this.#inFlight.items.length + this.#queue.length === 0;
  }

  /** In no particular order. */
  get inFlight(): readonly Request[] {
    return this.#inFlight.items;
  }

  request(envelope: Buffer, body: Body): void {
    this.#arrive(this.#owner.received(this, envelope, body, body.bytes));
  }

  tooLarge(envelope: Buffer, bytes: number): void {
    this.#arrive(this.#owner.received(this, envelope, NO_BODY, bytes, 'too large'));
  }

  overflow(envelope: Buffer, bytes: number): void {
    this.#arrive(this.#owner.received(this, envelope, NO_BODY, bytes, 'overflow'));
  }

  overflowAtOnce(envelope: Buffer, bytes: number): boolean {
    const isSame = (earlier: Request) => earlier.envelope.equals(envelope);
    if (this.#queue.some(isSame) || this.inFlight.some(isSame)) return false;
    this.#begin(this.#owner.received(this, envelope, NO_BODY, bytes, 'overflow'));
    return true;
  }

  malformed(): void {
    this.#owner.malformed(this);
  }

  left(): void {
    this.hasLeft = true;
    this.#owner.left(this);
  }

  /** Starts the request, now or when its turn comes. */
  #arrive(request: Request): void {
    if (this.#inFlight.items.length >= this.#owner.inFlightPerClient || this.#queue.length > 0) {
      this.#queue.push(request);
      // This may end those before it, so that it begins.
      this.#hurry(request);
      this.#hold();
    } else {
      this.#deadlineMs = Math.max(this.#deadlineMs, request.deadlineMs);
      this.#begin(request);
    }
  }

  reply(envelope: Buffer, body: Body): ReplyFate | Promise<ReplyFate> {
    return this.#client.reply(envelope, body);
  }

  /** A request has its outcome, so waiting requests may start. */
  done(request: Request): void {
    this.#inFlight.delete(request);
    if (this.#queue.length > 0 || this.#isPaused) this.startNext();
  }

  /** Starts waiting requests up to the limit: none if it has been lowered. */
  startNext(): void {
    while (this.#inFlight.items.length < this.#owner.inFlightPerClient) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      this.#begin(next);
    }
    this.#hold();
  }

  /** Stops or resumes reading. */
  #hold(): void {
    const known = this.#inFlight.items.length + this.#queue.length;
    const isTooMany = known >= this.#owner.inFlightPerClient + AHEAD;
    if (isTooMany === this.#isPaused) return;
    this.#isPaused = isTooMany;
    if (isTooMany) this.#client.pause();
    else this.#client.resume();
  }

  /**
   * A request waits for the earlier ones of its client. After a reload that shortened the deadline, those have more time left than
   * this one. They must not use it: this outcome would be late, and sending it before theirs would answer the wrong request.
   */
  #hurry({ deadlineMs }: Request): void {
    if (deadlineMs < this.#deadlineMs) {
      for (const one of this.#queue) one.shorten(deadlineMs);
      for (const one of [...this.inFlight]) one.shorten(deadlineMs);
    }
    this.#deadlineMs = deadlineMs;
  }

  #begin(request: Request): void {
    this.#inFlight.add(request);
    this.#owner.begin(request);
  }
}
