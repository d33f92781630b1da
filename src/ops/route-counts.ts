import type { AttemptResult, RetryDenial, RetryReason } from '../proxy/events.ts';
import type { Cause, Outcome } from '../proxy/outcome.ts';

/** What has been counted for a route, since its start or in a time. */
export interface RouteTotals {
  received: number;
  outcomes: Record<Outcome, number>;
  /** How far the requests whose app had left were. */
  clientGone: Record<Cause, number>;
  attempts: Record<AttemptResult, number>;
  retries: Record<RetryReason, number>;
  retriesDenied: Record<RetryDenial, number>;
  lateReplies: Record<'salvaged' | 'discarded', number>;
  ejections: number;
  malformed: number;
  droppedClients: number;
}

/** With the counts of its histograms, by bucket: of requests answered, of those whose app had left, and of replies to attempts. */
export interface RouteCounts extends RouteTotals {
  /** When counting began, by `performance.now`. */
  sinceMs: number;
  durations: Record<'ok' | 'clientGone' | 'replies', readonly number[]>;
}

/** @param before `undefined`: nothing had been counted yet */
export function countsSince(now: RouteCounts, before: RouteCounts | undefined): RouteCounts {
  if (before === undefined) return now;
  const durations = { ...now.durations };
  for (const kind of ['ok', 'clientGone', 'replies'] as const)
    durations[kind] = now.durations[kind].map((count, index) => count - (before.durations[kind][index] ?? 0));
  return {
    sinceMs: now.sinceMs,
    received: now.received - before.received,
    outcomes: minus(now.outcomes, before.outcomes),
    clientGone: minus(now.clientGone, before.clientGone),
    attempts: minus(now.attempts, before.attempts),
    retries: minus(now.retries, before.retries),
    retriesDenied: minus(now.retriesDenied, before.retriesDenied),
    lateReplies: minus(now.lateReplies, before.lateReplies),
    ejections: now.ejections - before.ejections,
    malformed: now.malformed - before.malformed,
    droppedClients: now.droppedClients - before.droppedClients,
    durations,
  };
}

function minus<K extends string>(now: Record<K, number>, before: Record<K, number>): Record<K, number> {
  const keys = Object.keys(now) as K[];
  return Object.fromEntries(keys.map((key) => [key, now[key] - before[key]])) as Record<K, number>;
}

/**
 * A quantile of a histogram, as Prometheus estimates it: values are taken to be spread evenly within their bucket.
 *
 * @param bounds upper bounds of the buckets, ascending; there is one more bucket, for values above all of them
 * @returns `undefined` if nothing was counted; the highest bound if the quantile is above it
 */
export function quantile(
  share: number,
  counts: readonly number[],
  bounds: readonly number[],
): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  const rank = share * total;
  let below = 0;
  for (const [index, bound] of bounds.entries()) {
    const count = counts[index] ?? 0;
    const floor = bounds[index - 1] ?? 0;
    if (count > 0 && below + count >= rank) return floor + ((bound - floor) * (rank - below)) / count;
    below += count;
  }
  return bounds.at(-1);
}
