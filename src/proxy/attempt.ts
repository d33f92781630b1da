import type { Body } from '../transport/message.ts';
import type { Lane } from './lane.ts';

/** One send of a request on one lane, from the moment the lane is picked until nobody waits for the reply any more. */
export interface Attempt {
  /** Never repeats in the life of its lane. */
  id: number;
  readonly lane: Lane;
  readonly caller: Caller;
  /** `picked`: has its place on the lane, not sent yet. `late`: timed out, but a reply would still be accepted. */
  phase: 'picked' | 'awaited' | 'late';
  sentMs: number;
  /** The number of its message on the connection; 0 before it is sent. */
  message: number;
  /** How many attempts its endpoint had answered when this one was picked. */
  answersBefore: number;
}

export function newAttempt(lane: Lane, caller: Caller): Attempt {
  return { id: 0, lane, caller, phase: 'picked', sentMs: 0, message: 0, answersBefore: 0 };
}

/** Receives the results of attempts. Each attempt ends in one of these calls, or in `Lane.release`. */
export interface Caller {
  replied(attempt: Attempt, body: Body): void;
  /** Its reply has come, and is larger than it may be; another attempt would bring the same. */
  tooLarge(attempt: Attempt, bytes: number): void;
  failed(attempt: Attempt, failure: 'unsent' | 'lost' | 'protocol'): void;
  /** The attempt is late, and another one needs its place. */
  forgotten(attempt: Attempt): void;
}
