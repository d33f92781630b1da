/** What apps have asked, and what they have got. */
export interface Tally {
  asked: number;
  replied: number;
  failed: number;
  /** Failures by their codes. */
  failures: Record<string, number>;
  /** Replies to another request. */
  crossed: number;
  /** Replies to nothing that was ever asked. */
  broken: number;
  /** Replies beyond the one that was due. */
  uncalled: number;
  bytes: number;
  slowest: Slowest;
  /** Of the requests that failed; the others do not tell. */
  mostAttempts: number;
}

/** The request that took longest, and what is known of it. */
export interface Slowest {
  /** Without the time that the app's own process was not at it, but no less than the sidecar says itself. */
  tookMs: number;
  outcome: string;
  /** What the sidecar says that it took, where it failed. */
  elapsedMs: number | undefined;
  bytes: number;
}

/** How long a request that is under way at the end may take; longer than any deadline. */
export const PATIENCE_MS = 10_000;

export function nothing(): Tally {
  return {
    ...{ asked: 0, replied: 0, failed: 0, crossed: 0, broken: 0, uncalled: 0 },
    ...{ failures: {}, bytes: 0, mostAttempts: 0 },
    slowest: { tookMs: 0, outcome: 'none', elapsedMs: undefined, bytes: 0 },
  };
}

export function sum(tallies: readonly Tally[]): Tally {
  const total = nothing();
  for (const one of tallies) {
    for (const key of ['asked', 'replied', 'failed', 'crossed', 'broken', 'uncalled', 'bytes'] as const)
      total[key] += one[key];
    total.mostAttempts = Math.max(total.mostAttempts, one.mostAttempts);
    if (one.slowest.tookMs > total.slowest.tookMs) total.slowest = one.slowest;
    for (const [code, count] of Object.entries(one.failures))
      total.failures[code] = (total.failures[code] ?? 0) + count;
  }
  return total;
}
