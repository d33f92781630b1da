import { type Body, bodyOf } from '../../transport/message.ts';
import type { ObservedRequest } from '../events.ts';
import { BUG, type Executed, FAILURE_STATUS, type FailureCode } from '../outcome.ts';
import type { FailureFormat } from '../settings.ts';
import { type Tried, triedOf, waitedMs } from '../tried.ts';

/** What a failure reply tells. */
export interface FailureReply {
  readonly status: number;
  readonly code: FailureCode;
  readonly message: string;
  readonly route: string;
  /** How many there were. */
  readonly attempts: number;
  readonly executed: Executed;
  readonly elapsedMs: number;
  readonly requestId: string;
  readonly waitedMs: number;
  /** What became of the last attempts. */
  readonly tried: readonly Tried[];
}

/**
 * The body of the failure reply to a request that has ended, or `undefined` for `silent`. It always has a frame: a reply without a body
 * frame ends a REQ socket's session for good (libzmq, req.cpp).
 */
export function failureBody(request: ObservedRequest, format: FailureFormat): Body | undefined {
  switch (format.format) {
    case 'json':
      return bodyOf([json(replyTo(request))]);
    case 'multipart': {
      const reply = replyTo(request);
      return bodyOf([Buffer.from('LAZYPIRATE'), Buffer.from(String(reply.status)), json(reply)]);
    }
    case 'static':
      return bodyOf([format.body]);
    case 'silent':
      return undefined;
  }
}

function replyTo(request: ObservedRequest): FailureReply {
  const { failure = BUG, route, attempts, executed, elapsedMs, id } = request;
  const { code, message } = failure;
  return {
    status: FAILURE_STATUS[code],
    code,
    message,
    route,
    attempts: attempts.length,
    executed,
    elapsedMs: Math.round(elapsedMs),
    requestId: id,
    waitedMs: waitedMs(request),
    tried: triedOf(request),
  };
}

function json(lazypirate: FailureReply): Buffer {
  return Buffer.from(JSON.stringify({ lazypirate }));
}
