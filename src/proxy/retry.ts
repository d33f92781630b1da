import type { AttemptFailure, RetryDenial } from './events.ts';
import type { RetryPolicy } from './settings.ts';

/** What to do after an attempt has failed. */
export type Verdict =
  /** Send again after the delay. */
  | { kind: 'retry'; delayMs: number }
  /** Send no more, but a late reply is still welcome until the deadline. */
  | { kind: 'linger'; denied: RetryDenial }
  /** Give up now. */
  | { kind: 'stop'; denied: RetryDenial };

export interface FailedAttempt {
  failure: AttemptFailure;
  /** Sends so far, this one included. */
  attempts: number;
  /** What is left until the deadline. */
  leftMs: number;
  /** Whether the reply to an earlier attempt may still come. */
  replyPossible: boolean;
}

/**
 * The whole retry policy, pure. The order matters: the budget is asked last, because asking takes a retry out of it.
 *
 * @param random in [0, 1)
 * @param withdraw takes one retry out of the budget, if there is one
 */
export function afterFailure(
  policy: RetryPolicy,
  failed: FailedAttempt,
  random: () => number,
  withdraw: () => boolean,
): Verdict {
  if (failed.attempts >= policy.attempts || !isRetried(policy, failed.failure)) {
    return { kind: 'stop', denied: 'policy' };
  }
  const delayMs = backoffMs(policy, failed, random);
  if (delayMs >= failed.leftMs) return giveUp('deadline', failed);
  if (!withdraw()) return giveUp('budget', failed);
  return { kind: 'retry', delayMs };
}

/**
 * Whether another attempt may start while the one before it is still awaited. It is a retry after what may yet become a
 * timeout, so it never happens where timeouts are not retried. The budget is for the caller to ask.
 */
export function mayHedge({ attempts, retryOn }: RetryPolicy, sent: number, leftMs: number): boolean {
  return sent < attempts && leftMs > 0 && retryOn.includes('timeout');
}

function giveUp(denied: RetryDenial, failed: FailedAttempt): Verdict {
  return { kind: failed.replyPossible ? 'linger' : 'stop', denied };
}

/** A peer that breaks the protocol loses its connection over it, so `protocol` is retried where `lost` is. */
function isRetried(policy: RetryPolicy, failure: AttemptFailure): boolean {
  return policy.retryOn.includes(failure === 'protocol' ? 'lost' : failure);
}

/**
 * Exponential backoff with full jitter. The first retry after a dropped connection goes out at once: the drop says
 * nothing of load, and another endpoint is most likely there.
 */
function backoffMs(policy: RetryPolicy, failed: FailedAttempt, random: () => number): number {
  if (failed.attempts === 1 && (failed.failure === 'lost' || failed.failure === 'unsent')) return 0;
  const { baseMs, maxMs } = policy.backoff;
  return random() * Math.min(maxMs, baseMs * 2 ** (failed.attempts - 1));
}
