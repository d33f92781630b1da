import type { Limits } from './settings.ts';

/** A place in the route's load: `queued` until the request is sent for the first time, `inFlight` until it is settled. */
export interface Place {
  readonly bytes: number;
  state: 'queued' | 'inFlight' | 'left';
}

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

  /** Every request begins as a queued one, if only for an instant; `undefined` where the queue is full. */
  enter(bytes: number): Place | undefined {
    const { queue, queueBytes } = this.limits;
    if (this.queued >= queue || this.queuedBytes + bytes > queueBytes) return undefined;
    this.queued++;
    this.queuedBytes += bytes;
    return { bytes, state: 'queued' };
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
    } else if (place.state === 'inFlight') this.inFlight--;
    place.state = 'left';
  }
}
