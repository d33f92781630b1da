import type { Cause } from './events.ts';
import type { FailureCode } from './failure.ts';
import type { Settled } from './forwarder.ts';

export function causeOf(result: Settled): Cause {
  return result.kind === 'reply' ? 'ok' : (result.code.toLowerCase() as Lowercase<FailureCode>);
}

/** The result of a request that was never forwarded. */
export function refusal(code: FailureCode, message: string, executed: 'no' | 'maybe' = 'no'): Settled {
  return { kind: 'failure', code, message, executed, attempts: 0, endpoint: undefined };
}

export const LEAVING = refusal('DRAINING', 'the sidecar is shutting down');
export const TOO_MANY = refusal('OVERLOADED', 'too many requests are already waiting');
export const GONE = refusal('OVERLOADED', 'the app left before it was the turn of its request');
