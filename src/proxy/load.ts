import type { Limits } from './settings.ts';

/** How much of the queue one client uses. */
export interface Waiting {
  queued: number;
}

/**
 * A request's place in the load of its route. `queued`: not sent yet. `inFlight`: sent at least once. `refused` (never sent) and
 * `ended` (sent): it no longer takes up room, but its outcome is still on the way to the app. `left`: settled.
 */
export interface Place {
  readonly bytes: number;
  /** What the request's client has queued. */
  readonly waiting: Waiting;
  state: 'queued' | 'inFlight' | 'refused' | 'ended' | 'left';
}

/** The share of the queue that is kept for clients with nothing queued, so that a client that floods does not shut out others. */
const KEPT_SHARE = 0.25;

/**
 * What a route holds at the moment, checked against its limits. Every request that was received and is not settled is in exactly
 * one of the four counts.
 */
export class Load {
  limits: Limits;
  queued = 0;
  queuedBytes = 0;
  inFlight = 0;
  inFlightBytes = 0;
  refused = 0;
  ended = 0;
  /** Shared by all requests that could not enter, so that a flood of them takes no memory. */
  readonly #outside: Place = { bytes: 0, waiting: { queued: 0 }, state: 'refused' };

  constructor(limits: Limits) {
    this.limits = limits;
  }

  /** Requests that were received and have no outcome yet. */
  get unsettled(): number {
    return this.queued + this.inFlight + this.refused + this.ended;
  }

  get isEmpty(): boolean {
    return this.unsettled === 0;
  }

  /** Whether any queued request may be sent. */
  get hasRoom(): boolean {
    const { inFlight, inFlightBytes } = this.limits;
    return this.inFlight < inFlight && this.inFlightBytes < inFlightBytes;
  }

  /** Whether this queued request may be sent. One that is larger than the limit may be sent alone. */
  mayStart({ bytes }: Place): boolean {
    return this.hasRoom && (this.inFlight === 0 || this.inFlightBytes + bytes <= this.limits.inFlightBytes);
  }

  /**
   * Every request starts in the queue, if only for a moment.
   *
   * @param waiting what its client has queued; a client with something queued leaves a quarter of the queue to others
   * @returns undefined if the queue is full
   */
  enter(bytes: number, waiting: Waiting): Place | undefined {
    const { queue, queueBytes } = this.limits;
    const share = waiting.queued > 0 ? 1 - KEPT_SHARE : 1;
    if (this.queued >= Math.ceil(queue * share)) return undefined;
    if (this.queuedBytes + bytes > queueBytes * share) return undefined;
    this.queued++;
    this.queuedBytes += bytes;
    waiting.queued++;
    return { bytes, waiting, state: 'queued' };
  }

  /** The place of a request that could not enter. */
  refuse(): Place {
    this.refused++;
    return this.#outside;
  }

  start(place: Place): void {
    if (place.state !== 'queued') return;
    this.#leaveQueue(place);
    this.inFlight++;
    this.inFlightBytes += place.bytes;
    place.state = 'inFlight';
  }

  /** The request has a result, so its room is free. */
  end(place: Place): void {
    if (place.state === 'queued') {
      this.#leaveQueue(place);
      this.refused++;
      place.state = 'refused';
    } else if (place.state === 'inFlight') {
      this.inFlight--;
      this.inFlightBytes -= place.bytes;
      this.ended++;
      place.state = 'ended';
    }
  }

  /** The request is settled. */
  leave(place: Place): void {
    this.end(place);
    if (place.state === 'refused') this.refused--;
    else if (place.state === 'ended') this.ended--;
    if (place !== this.#outside) place.state = 'left';
  }

  #leaveQueue({ bytes, waiting }: Place): void {
    this.queued--;
    this.queuedBytes -= bytes;
    waiting.queued--;
  }
}
