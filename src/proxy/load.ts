import type { Limits } from './settings.ts';

/** How much of the queue one client takes up. */
export interface Waiting {
  queued: number;
}

/** A place in the route's load: `queued` until the request is sent for the first time, `inFlight` until it is settled. */
export interface Place {
  readonly bytes: number;
  /** Of the request's client. */
  readonly waiting: Waiting;
  state: 'queued' | 'inFlight' | 'left';
}

/** Of the queue, for clients that have none waiting: one that floods does not shut the others out. */
const KEPT_SHARE = 0.25;

/** What a route holds at the moment, against its caps. */
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
   * Every request begins as a queued one, if only for an instant; `undefined` where the queue is full.
   *
   * @param waiting of its client: where that has others in the queue already, it leaves a quarter of it to other clients
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
