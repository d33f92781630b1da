import type { AdmissionLimits } from '../settings.ts';
import { unsettledIn } from '../status.ts';

/** What the requests of one client use of the queue. */
export interface Queued {
  queued: number;
}

/**
 * Where a request counts. `queued`: not sent yet. `inFlight`: sent at least once. `unsent` (never sent) and `answering` (sent): it no
 * longer takes up room, but its outcome is still on the way to the app. `outside`: not received yet, or settled.
 */
export type Stage = 'outside' | 'queued' | 'inFlight' | 'unsent' | 'answering';

/** A request as the limits see it. */
export interface Admitted {
  /** The memory that it takes, in bytes. */
  readonly weight: number;
  readonly client: Queued;
  /** Only the admission changes it. */
  stage: Stage;
}

/** The share of the queue that is kept for clients with nothing queued, so that a client that floods does not shut out others. */
const KEPT_SHARE = 0.25;

/**
 * What a route holds at the moment, checked against its limits. Every request that was received and is not settled is in exactly
 * one of the four counts.
 */
export class Admission {
  limits: AdmissionLimits;
  queued = 0;
  queuedBytes = 0;
  inFlight = 0;
  inFlightBytes = 0;
  unsent = 0;
  answering = 0;

  constructor(limits: AdmissionLimits) {
    this.limits = limits;
  }

  get isEmpty(): boolean {
    return unsettledIn(this) === 0;
  }

  /** Whether any queued request may be sent. */
  get hasRoom(): boolean {
    const { inFlight, inFlightBytes } = this.limits;
    return this.inFlight < inFlight && this.inFlightBytes < inFlightBytes;
  }

  /** Whether this queued request may be sent. One that is larger than the limit may be sent alone. */
  mayStart({ weight }: { readonly weight: number }): boolean {
    const { inFlight, inFlightBytes } = this.limits;
    return this.inFlight === 0 || (this.inFlight < inFlight && this.inFlightBytes + weight <= inFlightBytes);
  }

  /**
   * Every request starts in the queue, if only for a moment. A client with something queued leaves a quarter of the queue to others.
   *
   * @returns whether there is room in the queue
   */
  enter(request: Admitted): boolean {
    const { queue, queueBytes } = this.limits;
    const { weight, client } = request;
    const share = client.queued > 0 ? 1 - KEPT_SHARE : 1;
    if (this.queued >= Math.ceil(queue * share)) return false;
    if (this.queuedBytes + weight > queueBytes * share) return false;
    this.queued++;
    this.queuedBytes += weight;
    client.queued++;
    request.stage = 'queued';
    return true;
  }

  /** The request does not enter the queue: it only waits for its failure reply. */
  fail(request: Admitted): void {
    this.unsent++;
    request.stage = 'unsent';
  }

  /** The request is being sent for the first time. */
  start(request: Admitted): void {
    this.#leaveQueue(request);
    this.inFlight++;
    this.inFlightBytes += request.weight;
    request.stage = 'inFlight';
  }

  /** The request has a result, so its room is free. */
  end(request: Admitted): void {
    if (request.stage === 'queued') {
      this.#leaveQueue(request);
      this.fail(request);
    } else if (request.stage === 'inFlight') {
      this.inFlight--;
      this.inFlightBytes -= request.weight;
      this.answering++;
      request.stage = 'answering';
    }
  }

  /** The request is settled. Call this after `end`. */
  leave(request: Admitted): void {
    if (request.stage === 'unsent') this.unsent--;
    else if (request.stage === 'answering') this.answering--;
    request.stage = 'outside';
  }

  #leaveQueue({ weight, client }: Admitted): void {
    this.queued--;
    this.queuedBytes -= weight;
    client.queued--;
  }
}
