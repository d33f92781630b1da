import type { Lane } from './lane.ts';

/** One send of a request on one lane, from the moment it is picked until nobody waits for its reply. */
export interface Attempt {
  readonly id: number;
  /** Where its lane keeps it. */
  index: number;
  readonly lane: Lane;
  readonly caller: Caller;
  /** `picked`: holds its place on the lane, not sent yet. `late`: timed out, its reply would still be welcome. */
  phase: 'picked' | 'awaited' | 'late';
  sentMs: number;
  /** How many its endpoint had answered when it was picked. */
  answersBefore: number;
}

export function newAttempt(id: number, lane: Lane, caller: Caller): Attempt {
  return { id, index: 0, lane, caller, phase: 'picked', sentMs: 0, answersBefore: 0 };
}

/** Who waits for attempts. Each attempt ends in one of these calls, or in `Lane.release`. */
export interface Caller {
  replied(attempt: Attempt, body: Buffer[]): void;
  failed(attempt: Attempt, failure: 'unsent' | 'lost' | 'protocol'): void;
  /** It is late, and its place is needed for another one. */
  forgotten(attempt: Attempt): void;
}
