import type { AttemptResult, ObservedRequest } from './events.ts';

/** What became of one attempt, in a failure reply or a log line. */
export interface Tried {
  readonly endpoint: string;
  readonly pod?: string;
  readonly result: AttemptResult;
  readonly ms: number;
}

const TRIED_MOST = 8;

/** What became of the last attempts of a settled request, in the order in which they were sent. */
export function triedOf({ attempts }: ObservedRequest): Tried[] {
  return attempts.slice(-TRIED_MOST).map(({ endpoint, result = 'cancelled', sentMs, endedMs }) => {
    const { address, pod } = endpoint;
    return {
      endpoint: address,
      ...(pod !== undefined && { pod }),
      result,
      ms: microseconds(endedMs - sentMs),
    };
  });
}

/** How long a settled request waited until it was sent, or until its end. */
export function waitedMs({ attempts, arrivedMs, elapsedMs }: ObservedRequest): number {
  const [first] = attempts;
  return microseconds(first === undefined ? elapsedMs : first.sentMs - arrivedMs);
}

/** Milliseconds, rounded to microseconds. */
export function microseconds(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
