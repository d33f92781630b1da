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
  slowestMs: number;
  /** Of the requests that failed; the others do not tell. */
  mostAttempts: number;
}

/** How long a request that is under way at the end may take; longer than any deadline. */
export const PATIENCE_MS = 10_000;

export function nothing(): Tally {
  return {
    ...{ asked: 0, replied: 0, failed: 0, crossed: 0, broken: 0, uncalled: 0 },
    ...{ failures: {}, bytes: 0, slowestMs: 0, mostAttempts: 0 },
  };
}

export function sum(tallies: readonly Tally[]): Tally {
  const total = nothing();
  for (const one of tallies) {
    for (const key of ['asked', 'replied', 'failed', 'crossed', 'broken', 'uncalled', 'bytes'] as const)
      total[key] += one[key];
    for (const key of ['slowestMs', 'mostAttempts'] as const) total[key] = Math.max(total[key], one[key]);
    for (const [code, count] of Object.entries(one.failures))
      total.failures[code] = (total.failures[code] ?? 0) + count;
  }
  return total;
}
