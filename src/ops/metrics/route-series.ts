import { Counter, type Metric, type Registry } from 'prom-client';
import { FAILURE_CODES, type FailureCode } from '../../proxy/outcome.ts';
import type { RouteCounts } from '../route-counts.ts';
import type { TracedDuration } from '../tracing/spans.ts';
import { byValue, DurationHistogram, type Labels, Tally } from './series.ts';

/** All values of labels other than route names, so that each series exists, at 0, before the first event. */
const CAUSES = ['ok', ...FAILURE_CODES.map((code) => code.toLowerCase() as Lowercase<FailureCode>)] as const;
const OUTCOMES = [...CAUSES, 'client_gone'] as const;
export const ATTEMPT_RESULTS = ['ok', 'unsent', 'lost', 'timeout', 'protocol', 'cancelled'] as const;
const RETRY_REASONS = ['unsent', 'lost', 'timeout', 'protocol', 'hedge'] as const;
const RETRY_DENIALS = ['budget', 'deadline', 'policy'] as const;
const RESET_REASONS = ['lost', 'timeout', 'protocol', 'abandoned'] as const;
const LATE_REPLY_FATES = ['salvaged', 'discarded'] as const;
const DISCOVERY_FAILURES = ['unreachable', 'forbidden', 'not_found', 'invalid'] as const;

/** 250 us to 10 s. */
export const SECONDS_BUCKETS = [
  0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** The metrics that count a route's events: all except the gauges. */
export function routeFamilies(registry: Registry) {
  const counter = <L extends string>(name: string, help: string, ...labels: L[]) =>
    new Counter({
      name: `lazypirate_${name}`,
      help,
      labelNames: ['route', ...labels],
      registers: [registry],
    });
  const seconds = (name: string, help: string) => {
    const histogram = new DurationHistogram(`lazypirate_${name}`, help, SECONDS_BUCKETS);
    // The registry needs only `name` and `get` of a metric, but its type asks for more.
    registry.registerMetric(histogram as unknown as Metric);
    return histogram;
  };
  return {
    received: counter('requests_received_total', 'Requests received. Each is settled, in flight or queued.'),
    requests: counter(
      'requests_total',
      'Requests settled, by outcome for the app. client_gone: the app did not wait; the cause is how far the request was.',
      'outcome',
      'cause',
    ),
    requestDuration: seconds(
      'request_duration_seconds',
      'Time from arrival to outcome, including all waiting.',
    ),
    attempts: counter(
      'attempts_total',
      'Attempts that have ended. An attempt is one send of a request to an endpoint.',
      'result',
    ),
    attemptDuration: seconds(
      'attempt_duration_seconds',
      'Time from the send of an attempt to its end. It is a reply time only with result ok.',
    ),
    retries: counter('retries_total', 'Attempts after the first one, by the reason for the retry.', 'reason'),
    retriesDenied: counter('retries_denied_total', 'Failed attempts that were not retried.', 'reason'),
    resets: counter('resets_total', 'Connections to endpoints that were closed and replaced.', 'reason'),
    lateReplies: counter(
      'late_replies_total',
      'Replies that came after the timeout of their attempt.',
      'fate',
    ),
    malformed: counter(
      'malformed_messages_total',
      'Messages from the app that were dropped because they were not valid requests.',
    ),
    droppedClients: counter(
      'dropped_clients_total',
      'Connections of apps that were dropped because the app did not read its replies.',
    ),
    ejections: counter('ejections_total', 'Ejections of endpoints after repeated failures.'),
    requestBytes: counter('request_bytes_total', 'Body bytes of requests received.'),
    replyBytes: counter('reply_bytes_total', 'Body bytes of replies given to the app.'),
    discoveryErrors: counter(
      'discovery_errors_total',
      'Failures to discover the set of endpoints.',
      'reason',
    ),
  };
}

type RouteFamilies = ReturnType<typeof routeFamilies>;
export type RouteSeries = ReturnType<typeof routeSeries>;

/** The series of one route, bound to their labels and set to 0. */
export function routeSeries(families: RouteFamilies, route: string) {
  const tallies: Tally[] = [];
  const total = (family: Counter, labels: Labels = {}) => {
    const tally = new Tally(family, { route, ...labels });
    tallies.push(tally);
    return tally;
  };
  const totals = <V extends string>(family: Counter, label: string, values: readonly V[]) =>
    byValue(values, (value) => total(family, { [label]: value }));
  const { requestDuration, attemptDuration } = families;
  return {
    sinceMs: performance.now(),
    tallies,
    remove() {
      for (const tally of tallies) tally.remove();
      for (const histogram of [requestDuration, attemptDuration]) histogram.remove({ route });
    },
    received: total(families.received),
    requests: totals(families.requests, 'outcome', CAUSES),
    clientGone: byValue(CAUSES, (cause) => total(families.requests, { outcome: 'client_gone', cause })),
    requestDuration: byValue(OUTCOMES, (outcome) => requestDuration.series({ route, outcome })),
    attempts: totals(families.attempts, 'result', ATTEMPT_RESULTS),
    attemptDuration: byValue(ATTEMPT_RESULTS, (result) => attemptDuration.series({ route, result })),
    retries: totals(families.retries, 'reason', RETRY_REASONS),
    retriesDenied: totals(families.retriesDenied, 'reason', RETRY_DENIALS),
    resets: totals(families.resets, 'reason', RESET_REASONS),
    lateReplies: totals(families.lateReplies, 'fate', LATE_REPLY_FATES),
    malformed: total(families.malformed),
    droppedClients: total(families.droppedClients),
    ejections: total(families.ejections),
    requestBytes: total(families.requestBytes),
    replyBytes: total(families.replyBytes),
    discoveryErrors: totals(families.discoveryErrors, 'reason', DISCOVERY_FAILURES),
  };
}

/** Shows a trace beside the durations in whose series its own has been counted. */
export function showExemplar(
  { requestDuration, attemptDuration }: RouteSeries,
  traced: TracedDuration,
): void {
  const { seconds, traceId, spanId, endedAtMs } = traced;
  const durations =
    traced.kind === 'request' ? requestDuration[traced.outcome] : attemptDuration[traced.result];
  const labelSet = { trace_id: traceId, span_id: spanId };
  durations.show({ labelSet, value: seconds, timestamp: endedAtMs / 1_000 });
}

/** What the series of a route say at the moment. */
export function countsOf(series: RouteSeries): RouteCounts {
  const { requests, clientGone, requestDuration, attemptDuration } = series;
  const gone = counts(clientGone);
  const settled = counts(requests);
  return {
    sinceMs: series.sinceMs,
    received: series.received.count,
    outcomes: { ...settled, client_gone: CAUSES.reduce((sum, cause) => sum + gone[cause], 0) },
    clientGone: gone,
    attempts: counts(series.attempts),
    retries: counts(series.retries),
    retriesDenied: counts(series.retriesDenied),
    lateReplies: counts(series.lateReplies),
    ejections: series.ejections.count,
    malformed: series.malformed.count,
    droppedClients: series.droppedClients.count,
    durations: {
      ok: [...requestDuration.ok.counts],
      clientGone: [...requestDuration.client_gone.counts],
      replies: [...attemptDuration.ok.counts],
    },
  };
}

function counts<V extends string>(tallies: Record<V, Tally>): Record<V, number> {
  return byValue(Object.keys(tallies) as V[], (value) => tallies[value].count);
}
