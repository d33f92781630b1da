import type { ObservedEndpoint, ResetReason } from '../events.ts';
import type { Trouble } from '../status.ts';
import type { Attempt } from './attempt.ts';
import type { Lane } from './lane.ts';

/** Owns lanes and receives their events. */
export interface LaneOwner {
  /** The endpoint that its lanes lead to. */
  readonly observed: ObservedEndpoint;
  /** Whether a peer at this endpoint did not echo an attempt's id, so that no further one is sent. */
  readonly isPlain: boolean;
  /** The lane is connected and takes attempts. */
  opened(): void;
  /** The first reply on the lane has shown whether the peer echoes the attempt's id. */
  proved(isEchoing: boolean): void;
  /** An attempt is being sent. */
  sent(attempt: Attempt): void;
  /** An attempt was answered, in time or late, and has left the lane. */
  answered(attempt: Attempt, nowMs: number): void;
  /** An attempt has left the lane without an answer. */
  ended(attempt: Attempt): void;
  /** An attempt has timed out. */
  overdue(attempt: Attempt, nowMs: number): void;
  /** An attempt was abandoned while it was still awaited. It has `ended` after that. */
  abandoned(attempt: Attempt, nowMs: number): void;
  /** There may be room for one more attempt, after one has `ended` and its request knows. */
  freed(): void;
  /** The connection of an attempt dropped before it had left. */
  unsent(sentMs: number, nowMs: number): void;
  /** An attempt sent at this time got no reply: its connection dropped, or the peer broke the protocol. */
  unanswered(sentMs: number, nowMs: number): void;
  /** The lane takes no more attempts and needs a replacement: now, or when it is `closed` if its connection is of no more use. */
  retired(reason: ResetReason): void;
  /**
   * The lane's connection is closed.
   * @param trouble why it failed; `undefined` if we closed it on purpose
   * @param wasReadyMs how long it had been connected
   */
  closed(lane: Lane, trouble: Trouble | undefined, wasReadyMs: number): void;
  /** A reply arrived that nobody waits for any more. */
  discarded(): void;
  /** A connection takes long. */
  tookLong(trouble: Trouble): void;
  /** A TCP connection is open; the handshake follows. */
  accepted(): void;
}
