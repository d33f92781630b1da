import type { AttemptResult, ObservedAttempt, ObservedRequest } from '../proxy/events.ts';
import type { Cause, Executed, Outcome } from '../proxy/outcome.ts';
import { microseconds, waitedMs } from '../proxy/tried.ts';

/** What is kept and shown of a request that is settled, as JSON. Durations are in milliseconds, sizes in bytes. */
export interface RequestRecord {
  readonly id: string;
  readonly route: string;
  /** When it arrived, in ISO 8601. */
  readonly at: string;
  /** Where the app connected from. */
  readonly from: string | null;
  /** `NAME[PID]` of the app; only looked up when the record is shown. */
  readonly process: string | null;
  readonly outcome: Outcome;
  readonly cause: Cause;
  /** Why there was no reply. */
  readonly message: string | null;
  readonly executed: Executed;
  readonly requestBytes: number;
  readonly replyBytes: number;
  /** Until its first attempt was sent; all of `elapsedMs` if none was. */
  readonly waitedMs: number;
  readonly elapsedMs: number;
  /** The last ones, in the order in which they were sent. */
  readonly attempts: readonly AttemptRecord[];
  /** How many there were before those. */
  readonly attemptsOmitted?: number;
}

export interface AttemptRecord {
  readonly endpoint: string;
  readonly pod: string | null;
  readonly node: string | null;
  readonly zone: string | null;
  /** After the arrival of the request. */
  readonly sentMs: number;
  readonly ms: number;
  readonly result: AttemptResult;
  readonly executed: Executed;
}

const ATTEMPTS_MOST = 32;
/** A message may quote what a server says. */
const MESSAGE_MOST = 500;

/** Call this when the request is settled. */
export function recordOf(request: ObservedRequest): RequestRecord {
  const { attempts, arrivedMs, cause = 'internal', outcome = cause, failure } = request;
  const omitted = attempts.length - ATTEMPTS_MOST;
  return {
    id: request.id,
    route: request.route,
    at: isoTime(arrivedMs),
    from: request.from ?? null,
    process: null,
    outcome,
    cause,
    message: cause === 'ok' ? null : (failure?.message.slice(0, MESSAGE_MOST) ?? null),
    executed: request.executed,
    requestBytes: request.bytes,
    replyBytes: request.replyBytes,
    waitedMs: waitedMs(request),
    elapsedMs: microseconds(request.elapsedMs),
    attempts: attempts.slice(-ATTEMPTS_MOST).map((one) => attemptRecord(one, arrivedMs)),
    ...(omitted > 0 && { attemptsOmitted: omitted }),
  };
}

/** Whether the endpoint has worked on a settled attempt. */
export function executedOf({ result, isUnsent }: ObservedAttempt): Executed {
  if (result === 'ok') return 'yes';
  return isUnsent ? 'no' : 'maybe';
}

/** The newest time that was asked for: a tap asks for the same millisecond again and again. */
let newest = { ms: 0, text: new Date(0).toISOString() };

/** @param ms by `performance.now` */
export function isoTime(ms: number): string {
  const wallMs = Math.floor(Date.now() - (performance.now() - ms));
  if (wallMs !== newest.ms) newest = { ms: wallMs, text: new Date(wallMs).toISOString() };
  return newest.text;
}

function attemptRecord(attempt: ObservedAttempt, arrivedMs: number): AttemptRecord {
  const { endpoint, sentMs, endedMs, result = 'cancelled' } = attempt;
  const { address, pod = null, node = null, zone = null } = endpoint;
  const executed = executedOf(attempt);
  const times = { sentMs: microseconds(sentMs - arrivedMs), ms: microseconds(endedMs - sentMs) };
  return { endpoint: address, pod, node, zone, ...times, result, executed };
}
