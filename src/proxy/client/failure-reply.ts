import { type Body, bodyOf } from '../../transport/message.ts';
import { type Executed, FAILURE_STATUS, type Failure } from '../outcome.ts';
import type { FailureFormat } from '../settings.ts';

/** What a failure reply tells. */
export interface FailureReply extends Failure {
  readonly route: string;
  readonly attempts: number;
  readonly executed: Executed;
  readonly elapsedMs: number;
}

/**
 * The body of a failure reply, or `undefined` for `silent`. It always has a frame: a reply without a body frame ends a REQ socket's
 * session for good (libzmq, req.cpp).
 */
export function failureBody(failure: FailureReply, format: FailureFormat): Body | undefined {
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

function json({ code, message, route, attempts, executed, elapsedMs }: FailureReply): Buffer {
  const status = FAILURE_STATUS[code];
  const elapsed = Math.round(elapsedMs);
  return Buffer.from(
    JSON.stringify({ lazypirate: { status, code, message, route, attempts, executed, elapsedMs: elapsed } }),
  );
}
