/** The requests that apps have sent, and the outcomes they got. */
export interface Tally {
  asked: number;
  replied: number;
  failed: number;
  /** Failures by code. */
  failures: Record<string, number>;
  /** Replies to another request. */
  crossed: number;
  /** Replies that match no request at all. */
  broken: number;
  /** Replies after the one that was due. */
  uncalled: number;
  bytes: number;
  slowest: Slowest;
  /** Those that took longer than is promised, unless a process was stalled meanwhile. */
  late: Slowest[];
  /** Of the requests that failed; a good reply does not say how many attempts it took. */
  mostAttempts: number;
}

/** The slowest request. */
export interface Slowest {
  /** Without the time that its app or the sidecar was stalled, in the end. */
  tookMs: number;
  /** When it got its outcome, by the clock of `stalledMs`. */
  gotMs: number;
  outcome: string;
  /** The time that the sidecar reports, if the request failed. */
  elapsedMs: number | undefined;
  bytes: number;
}

/** How long to wait at the end for requests in flight; longer than any deadline. */
export const PATIENCE_MS = 10_000;

export function nothing(): Tally {
  return {
    ...{ asked: 0, replied: 0, failed: 0, crossed: 0, broken: 0, uncalled: 0 },
    ...{ failures: {}, bytes: 0, mostAttempts: 0 },
    slowest: { tookMs: 0, gotMs: 0, outcome: 'none', elapsedMs: undefined, bytes: 0 },
    late: [],
  };
}

export function sum(tallies: readonly Tally[]): Tally {
  const total = nothing();
  for (const one of tallies) {
    for (const key of ['asked', 'replied', 'failed', 'crossed', 'broken', 'uncalled', 'bytes'] as const)
      total[key] += one[key];
    total.mostAttempts = Math.max(total.mostAttempts, one.mostAttempts);
    if (one.slowest.tookMs > total.slowest.tookMs) total.slowest = one.slowest;
    total.late.push(...one.late);
    for (const [code, count] of Object.entries(one.failures))
      total.failures[code] = (total.failures[code] ?? 0) + count;
  }
  return total;
}
