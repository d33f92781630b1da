import type { Attempt } from './attempt.ts';
import type { ResetReason } from './events.ts';
import type { Lane } from './lane.ts';

/** Who opens lanes and wants to know how they fare. */
export interface LaneOwner {
  /** The lane is connected and takes attempts. */
  opened(lane: Lane): void;
  /** An attempt has its place on the lane. */
  joined(attempt: Attempt): void;
  /** An attempt has left the lane, whatever has come of it. */
  left(attempt: Attempt): void;
  /** An attempt was answered, in time or late. */
  answered(attempt: Attempt, nowMs: number): void;
  /** An attempt has waited in vain. */
  overdue(attempt: Attempt, nowMs: number): void;
  /** An attempt was given up while it was awaited: it has taken so long already. */
  abandoned(attempt: Attempt, nowMs: number): void;
  /** An attempt that was sent then got no reply: its connection dropped, or what came was none. */
  unanswered(sentMs: number, nowMs: number): void;
  /** The lane takes no more attempts and wants replacing: now, or when it is `closed` where its connection is lost. */
  retired(lane: Lane, reason: ResetReason): void;
  /**
   * The lane's socket is closed.
   * @param why what the connection died of, for people; `undefined` where closing it was our own wish
   * @param wasReadyMs how long it had been connected
   */
  closed(lane: Lane, why: string | undefined, wasReadyMs: number): void;
  /** A reply came that nobody waits for any more. */
  discarded(lane: Lane): void;
  /** A try to connect has failed, or takes long; libzmq goes on with it. */
  tried(why: string): void;
  /** A TCP connection has come about: the handshake follows. */
  accepted(): void;
  /** An event of the connection, for people to read. */
  told(event: string): void;
}
