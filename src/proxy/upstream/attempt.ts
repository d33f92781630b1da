import type { AttemptResult, ObservedAttempt, ObservedEndpoint } from '../events.ts';
import type { Lane } from './lane.ts';
import type { PendingRequest } from './pending-request.ts';

/** One send of a request on one lane, until nobody waits for its reply any more. */
export class Attempt implements ObservedAttempt {
  readonly request: PendingRequest;
  readonly lane: Lane;
  /** With the names that were known when it was sent. */
  readonly endpoint: ObservedEndpoint;
  /** Never repeats in the life of its lane. */
  id = 0;
  readonly sentMs: number;
  /** `late`: it has timed out, but a reply would still be accepted. */
  state: 'awaited' | 'late' | 'ended' = 'awaited';
  result: AttemptResult | undefined;
  endedMs = 0;
  /** The number of its message on the connection. */
  message = 0;
  /** It has certainly not left this process, and never will. */
  isUnsent = false;
  /** How many attempts its endpoint had answered when this one was sent. */
  answersBefore = 0;
  /** Its neighbours among the late attempts of its endpoint, by the time when they were sent. */
  older: Attempt | undefined;
  newer: Attempt | undefined;

  constructor(request: PendingRequest, lane: Lane, sentMs: number) {
    this.request = request;
    this.lane = lane;
    this.endpoint = lane.endpoint;
    this.sentMs = sentMs;
  }
}
