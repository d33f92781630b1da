import type { Body } from '../../transport/message.ts';
import type { ObservedRequest } from '../events.ts';
import type { Attempt } from './attempt.ts';
import type { Line } from './waiting-line.ts';

/** A request as its upstream sees it: it waits for a place at an endpoint, or for replies. */
export interface PendingRequest extends ObservedRequest {
  readonly body: Body;
  /** The memory that it takes, in bytes. */
  readonly weight: number;
  readonly deadlineMs: number;
  /** In the order in which they were sent. A retry prefers endpoints that the request has not tried. */
  readonly attempts: readonly Attempt[];
  /** The line that it waits in, and its neighbours there. Only the line changes these. */
  line: Line | undefined;
  ahead: PendingRequest | undefined;
  behind: PendingRequest | undefined;
  /** It has left the line and was sent. */
  granted(attempt: Attempt, nowMs: number): void;
  /** It has left the line, because no reply is likely to come before its deadline, or because that has passed. */
  tooLate(): void;
  /** The upstream became usable or unusable; or it has left the line, because another upstream has taken over. */
  usableChanged(): void;
  replied(attempt: Attempt, body: Body, nowMs: number): void;
  /** The reply has come, and is larger than it may be; another attempt would bring the same. */
  replyTooLarge(attempt: Attempt, bytes: number, nowMs: number): void;
  failed(attempt: Attempt, failure: 'unsent' | 'lost' | 'protocol'): void;
  /** The attempt is late, and has lost its place to another one. */
  forgotten(attempt: Attempt): void;
}
