import { type Body, bodyOf } from '../transport/message.ts';

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

export interface Failure {
  code: FailureCode;
  /** A sentence for users. */
  message: string;
  route: string;
  attempts: number;
  /** `no` only if no attempt was ever handed to a live connection. */
  executed: 'no' | 'maybe';
  elapsedMs: number;
}

/** The form of failure replies. `static` sends the given frame as it is; `silent` sends nothing. */
export type FailureFormat =
  | { format: 'json' }
  | { format: 'multipart' }
  | { format: 'static'; body: Buffer }
  | { format: 'silent' };

/**
 * The body of a failure reply, or `undefined` for `silent`. It always has a frame: a reply without a body frame ends a REQ socket's
 * session for good (libzmq, req.cpp).
 */
export function failureBody(failure: Failure, format: FailureFormat): Body | undefined {
  switch (format.format) {
    case 'json':
      return bodyOf([json(failure)]);
    case 'multipart': {
      const status = String(FAILURE_STATUS[failure.code]);
      return bodyOf([Buffer.from('LAZYPIRATE'), Buffer.from(status), json(failure)]);
    }
    case 'static':
      return bodyOf([format.body]);
    case 'silent':
      return undefined;
  }
}

function json({ code, message, route, attempts, executed, elapsedMs }: Failure): Buffer {
  const status = FAILURE_STATUS[code];
  const elapsed = Math.round(elapsedMs);
  return Buffer.from(
    JSON.stringify({ lazypirate: { status, code, message, route, attempts, executed, elapsedMs: elapsed } }),
  );
}
