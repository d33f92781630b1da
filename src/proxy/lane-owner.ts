import type { Attempt } from './attempt.ts';
import type { ResetReason } from './events.ts';
import type { Lane } from './lane.ts';

/** Owns lanes and receives their events. */
export interface LaneOwner {
  /** The lane is connected and takes attempts. */
  opened(lane: Lane): void;
  /** An attempt was given a place on the lane. */
  joined(attempt: Attempt): void;
  /** An attempt has left the lane, whatever its result. */
  left(attempt: Attempt): void;
  /** An attempt was answered, in time or late. */
  answered(attempt: Attempt, nowMs: number): void;
  /** An attempt has timed out. */
  overdue(attempt: Attempt, nowMs: number): void;
  /** An attempt was abandoned while it was still awaited. */
  abandoned(attempt: Attempt, nowMs: number): void;
  /** An attempt sent at this time got no reply: its connection dropped, or the peer broke the protocol. */
  unanswered(sentMs: number, nowMs: number): void;
  /** The lane takes no more attempts and needs a replacement: now, or when it is `closed` if its connection was lost. */
  retired(lane: Lane, reason: ResetReason): void;
  /**
   * The lane's socket is closed.
   * @param why the connection failed, for users; `undefined` if we closed it on purpose
   * @param wasReadyMs how long it had been connected
   */
  closed(lane: Lane, why: string | undefined, wasReadyMs: number): void;
  /** A reply arrived that nobody waits for any more. */
  discarded(lane: Lane): void;
  /** An attempt to connect has failed, or takes long; libzmq keeps trying. */
  tried(why: string): void;
  /** A TCP connection is open; the handshake follows. */
  accepted(): void;
  /** An event of the connection, as text. */
  told(event: string): void;
}
