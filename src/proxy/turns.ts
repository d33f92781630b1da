import type { Body } from '../transport/message.ts';
import type { Client, ClientOwner } from '../transport/transport.ts';
import type { Settled } from './forwarder.ts';
import type { Place, Waiting } from './load.ts';
import type { RetryPolicy } from './settings.ts';

/**
 * How many requests of a client are read beyond those that it may have in flight. Only while we read do we notice that it leaves, and
 * an app that waits for its replies never sends ahead. Further ones stay in the kernel, which holds the client back.
 */
const AHEAD = 16;

/** A request from the app. */
export interface Request {
  readonly turns: Turns;
  /** Wire bytes that its reply must start with. */
  readonly envelope: Buffer;
  readonly body: Body;
  /** The size of the body as it arrived. */
  readonly bytes: number;
  /** By `performance.now`. */
  readonly arrivedMs: number;
  /** When it must have its outcome, by `performance.now`. */
  deadlineMs: number;
  readonly place: Place;
  /** The policy that was in force when it arrived. */
  readonly retry: RetryPolicy;
  /** Set if its body was dropped at once: it only gets this failure reply when its turn comes. */
  readonly refusal: Settled | undefined;
}

/** Why a request is refused as soon as it arrives. */
export type Refused = 'too large' | 'overflow';

export interface TurnsOwner {
  /** Most requests of one client in flight; above 1 the client must tell its replies apart itself. */
  readonly inFlightPerClient: number;
  /** @param refused why it is refused, if so; then the body is empty, and `bytes` is the size that it had */
  received(turns: Turns, envelope: Buffer, body: Body, bytes: number, refused?: Refused): void;
  malformed(): void;
  /** It is this request's turn. `done` must follow. */
  start(request: Request): void;
  /** The requests of this client in flight must end by this time, because a later one waits for them. */
  hurry(turns: Turns, deadlineMs: number): void;
  /** The client has left: nobody waits for its requests in flight. */
  abandon(turns: Turns): void;
}

/**
 * The requests of one client. They are handled one at a time and in order, as by a REP socket, while clients do not wait for each
 * other. A plain REQ never has two requests in flight. A DEALER may pipeline, and relies on the order of its replies.
 */
export class Turns implements ClientOwner, Waiting {
  readonly client: Client;
  queued = 0;
  hasLeft = false;
  readonly #owner: TurnsOwner;
  #inFlight = 0;
  /** The latest deadline of its requests in flight and waiting. */
  #deadlineMs = 0;
  readonly #line: Request[] = [];
  #isPaused = false;

  constructor(client: Client, owner: TurnsOwner) {
    this.client = client;
    this.#owner = owner;
  }

  get isIdle(): boolean {
    return this.#inFlight + this.#line.length === 0;
  }

  request(envelope: Buffer, body: Body): void {
    this.#owner.received(this, envelope, body, body.bytes);
  }

  tooLarge(envelope: Buffer, bytes: number): void {
    this.#owner.received(this, envelope, NO_BODY, bytes, 'too large');
  }

  overflow(envelope: Buffer, bytes: number): void {
    this.#owner.received(this, envelope, NO_BODY, bytes, 'overflow');
  }

  malformed(): void {
    this.#owner.malformed();
  }

  left(): void {
    this.hasLeft = true;
    this.#owner.abandon(this);
  }

  /** Starts the request, now or when its turn comes. */
  arrive(request: Request): void {
    if (this.#inFlight >= this.#owner.inFlightPerClient || this.#line.length > 0) {
      this.#hurry(request);
      this.#line.push(request);
      this.#hold();
    } else {
      this.#deadlineMs = Math.max(this.#deadlineMs, request.deadlineMs);
      this.#start(request);
    }
  }

  /** A request has its outcome, so waiting requests may start. */
  done(): void {
    this.#inFlight--;
    this.startNext();
  }

  /** Starts waiting requests up to the limit: none if it has been lowered. */
  startNext(): void {
    while (this.#inFlight < this.#owner.inFlightPerClient) {
      const next = this.#line.shift();
      if (next === undefined) break;
      this.#start(next);
    }
    this.#hold();
  }

  /** Stops or resumes reading. */
  #hold(): void {
    const isTooMany = this.#inFlight + this.#line.length >= this.#owner.inFlightPerClient + AHEAD;
    if (isTooMany === this.#isPaused) return;
    this.#isPaused = isTooMany;
    if (isTooMany) this.client.pause();
    else this.client.resume();
  }

  /**
   * A request waits for the earlier ones of its client. After a reload that shortened the deadline, those have more time left than
   * this one. They must not use it: this outcome would be late, and sending it before theirs would answer the wrong request.
   */
  #hurry({ deadlineMs }: Request): void {
    if (deadlineMs < this.#deadlineMs) {
      for (const one of this.#line) one.deadlineMs = Math.min(one.deadlineMs, deadlineMs);
      this.#owner.hurry(this, deadlineMs);
    }
    this.#deadlineMs = deadlineMs;
  }

  #start(request: Request): void {
    this.#inFlight++;
    this.#owner.start(request);
  }
}

export const NO_BODY: Body = { chunks: [], bytes: 0, weight: 0 };
