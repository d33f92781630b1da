import type { Limits } from './settings.ts';

/** How much of the queue one client uses. */
export interface Waiting {
  queued: number;
}

/** A request's place in the load of its route: `queued` until it is first sent, then `inFlight` until it is settled. */
export interface Place {
  readonly bytes: number;
  /** Of the request's client. */
  readonly waiting: Waiting;
  state: 'queued' | 'inFlight' | 'left';
}

/** The share of the queue that is kept for clients with nothing queued, so that a client that floods does not shut out others. */
const KEPT_SHARE = 0.25;

/** What a route holds at the moment, checked against its limits. */
export class Load {
  limits: Limits;
  queued = 0;
  queuedBytes = 0;
  inFlight = 0;

  constructor(limits: Limits) {
    this.limits = limits;
  }

  get isEmpty(): boolean {
    return this.queued + this.inFlight === 0;
  }

  /** Whether one more request may be sent for the first time. */
  get mayStart(): boolean {
    return this.inFlight < this.limits.inFlight;
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

  start(place: Place): void {
    if (place.state !== 'queued') return;
    this.leave(place);
    this.inFlight++;
    place.state = 'inFlight';
  }

  leave(place: Place): void {
    if (place.state === 'queued') {
      this.queued--;
      this.queuedBytes -= place.bytes;
      place.waiting.queued--;
    } else if (place.state === 'inFlight') this.inFlight--;
    place.state = 'left';
  }
}
