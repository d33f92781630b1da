import type { AttemptFailure, RetryDenial } from '../events.ts';
import type { RetryPolicy } from '../settings.ts';

/** What to do after an attempt has failed. */
type Verdict =
  /** Send again after the delay. */
  | { kind: 'retry'; delayMs: number }
  /** Send nothing more, but accept a late reply until the deadline. */
  | { kind: 'linger'; denied: RetryDenial }
  /** Give up now. */
  | { kind: 'stop'; denied: RetryDenial };

export interface FailedAttempt {
  failure: AttemptFailure;
  /** Sends so far, including this one. */
  attempts: number;
  /** Time left until the deadline. */
  leftMs: number;
  /** Whether a reply to an earlier attempt may still arrive. */
  replyPossible: boolean;
}

/**
 * The whole retry policy, as a pure function. The order matters: the budget comes last, because asking it takes a retry out.
 *
 * @param random in [0, 1)
 * @param withdraw takes one retry out of the budget, if one is left
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
 * Whether a hedge may start: another attempt while the previous one is still awaited. It anticipates a timeout, so it is
 * allowed only if timeouts are retried. The caller must ask the budget itself.
 */
export function mayHedge({ attempts, retryOn }: RetryPolicy, sent: number, leftMs: number): boolean {
  return sent < attempts && leftMs > 0 && retryOn.includes('timeout');
}

function giveUp(denied: RetryDenial, failed: FailedAttempt): Verdict {
  return { kind: failed.replyPossible ? 'linger' : 'stop', denied };
}

/** A peer that breaks the protocol loses its connection, so `protocol` is retried if `lost` is. */
function isRetried(policy: RetryPolicy, failure: AttemptFailure): boolean {
  return policy.retryOn.includes(failure === 'protocol' ? 'lost' : failure);
}

/**
 * Exponential backoff with full jitter. The first retry after a dropped connection goes out at once: a drop says nothing
 * about load, and another endpoint is probably available.
 */
function backoffMs(policy: RetryPolicy, failed: FailedAttempt, random: () => number): number {
  if (failed.attempts === 1 && (failed.failure === 'lost' || failed.failure === 'unsent')) return 0;
  const { baseMs, maxMs } = policy.backoff;
  return random() * Math.min(maxMs, baseMs * 2 ** (failed.attempts - 1));
}
