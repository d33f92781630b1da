/** Why a request got no reply. Apps rely on this table of codes and statuses. */
export const FAILURE_STATUS = {
  NO_ENDPOINTS: 503,
  TIMEOUT: 504,
  LOST: 502,
  OVERLOADED: 429,
  TOO_LARGE: 413,
  REPLY_TOO_LARGE: 502,
  DRAINING: 503,
  INTERNAL: 500,
} as const;

export type FailureCode = keyof typeof FAILURE_STATUS;

export const FAILURE_CODES = Object.keys(FAILURE_STATUS) as readonly FailureCode[];

/** A request without a reply. */
export interface Failure {
  readonly code: FailureCode;
  /** A sentence for users. */
  readonly message: string;
}

/** The result of a request: a reply, or the reason why there was none. */
export type Cause = 'ok' | Lowercase<FailureCode>;

/** What the app got. `client_gone`: it had closed its connection before there was an outcome to send. */
export type Outcome = Cause | 'client_gone';

/** `no` only if no attempt ever left this process. */
export type Executed = 'no' | 'maybe' | 'yes';

export const DRAINING: Failure = { code: 'DRAINING', message: 'the sidecar is shutting down' };
export const CUT: Failure = {
  code: 'DRAINING',
  message: 'the sidecar is shutting down and could not wait any longer',
};
export const TOO_MANY: Failure = { code: 'OVERLOADED', message: 'too many requests are already waiting' };
export const TOO_LATE: Failure = {
  code: 'OVERLOADED',
  message: 'the request waited so long that no reply could come in time',
};
export const GONE: Failure = {
  code: 'OVERLOADED',
  message: 'the app left before it was the turn of its request',
};
export const TOO_MANY_FRAMES: Failure = { code: 'TOO_LARGE', message: 'the request has too many frames' };
export const BUG: Failure = { code: 'INTERNAL', message: 'internal error in the sidecar; see its log' };

export function causeOf({ code }: Failure): Cause {
  return code.toLowerCase() as Lowercase<FailureCode>;
}
