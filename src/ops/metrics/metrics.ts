import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client';
import type { ProxyEvent } from '../../proxy/events.ts';
import { FAILURE_CODES, type FailureCode } from '../../proxy/failure.ts';
import type { RouteStatus } from '../../proxy/status.ts';
import { DurationHistogram, type Labels, Tally } from './series.ts';

/** All values of labels other than route names, so that each series exists, at 0, before the first event. */
const CAUSES = ['ok', ...FAILURE_CODES.map((code) => code.toLowerCase() as Lowercase<FailureCode>)] as const;
const OUTCOMES = [...CAUSES, 'client_gone'] as const;
const ATTEMPT_RESULTS = ['ok', 'unsent', 'lost', 'timeout', 'protocol', 'cancelled'] as const;
const RETRY_REASONS = ['unsent', 'lost', 'timeout', 'protocol', 'hedge'] as const;
const RETRY_DENIALS = ['budget', 'deadline', 'policy'] as const;
const RESET_REASONS = ['lost', 'timeout', 'protocol', 'abandoned'] as const;
const LATE_REPLY_FATES = ['salvaged', 'discarded'] as const;
const ENDPOINT_STATES = ['connecting', 'up', 'down', 'ejected', 'terminating', 'standby'] as const;
const DISCOVERY_FAILURES = ['unreachable', 'forbidden', 'not_found', 'invalid'] as const;
const RELOAD_RESULTS = ['success', 'failure'] as const;

/** 250 us to 10 s. */
const SECONDS_BUCKETS = [
  0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

export type ReloadResult = (typeof RELOAD_RESULTS)[number];

export interface MetricsSources {
  /** The current routes, read at each scrape. */
  routes(): readonly RouteStatus[];
  version: string;
  nodeVersion: string;
  zeromqVersion: string;
}

export interface Metrics {
  /** Counts an event. This is on the hot path: three calls per request. */
  record(event: ProxyEvent): void;
  reload(result: ReloadResult): void;
  /** All metrics in the Prometheus text format. Scrapes at the same time share one answer. */
  text(): Promise<string>;
  contentType: string;
}

/** The metrics of one sidecar, in their own registry. */
export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  describeBuild(registry, sources);
  const families = routeFamilies(registry);
  const readGauges = routeGauges(registry);
  const reload = reloadMetrics(registry);

  const series = new Map<string, RouteSeries>();
  const seriesOf = (route: string): RouteSeries => {
    const known = series.get(route);
    if (known !== undefined) return known;
    const fresh = routeSeries(families, route);
    series.set(route, fresh);
    return fresh;
  };

  /** Removes the series of routes that are gone: otherwise each rename would leave some hundred behind. */
  const keepOnly = (routes: readonly RouteStatus[]): void => {
    const names = new Set(routes.map(({ settings }) => settings.name));
    for (const [name, { forget }] of series) if (!names.has(name) && series.delete(name)) forget();
  };

  // All at once, so that a scrape shows a single moment.
  const scrape = async (): Promise<string> => {
    const routes = sources.routes();
    keepOnly(routes);
    for (const { settings } of routes) seriesOf(settings.name);
    for (const { tallies } of series.values()) for (const tally of tallies) tally.tell();
    readGauges(routes);
    return await registry.metrics();
  };
  let scraping: Promise<string> | undefined;

  return {
    record: (event) => count(seriesOf(event.route), event),
    reload(result) {
      reload(result);
      // There may never be a scrape.
      keepOnly(sources.routes());
    },
    text() {
      // A hundred scrapes at once must not slow the routes down more than one does.
      scraping ??= scrape().finally(() => {
        scraping = undefined;
      });
      return scraping;
    },
    contentType: registry.contentType,
  };
}

function count(series: RouteSeries, event: ProxyEvent): void {
  switch (event.kind) {
    case 'received':
      series.received.add();
      return series.requestBytes.add(event.bytes);
    case 'renamed':
      // The series of the old name go. So that every request that is settled was received, these count again.
      return series.received.add(event.unsettled);
    case 'malformed':
      return series.malformed.add();
    case 'droppedClient':
      return series.droppedClients.add();
    case 'attempt':
      series.attempts[event.result].add();
      return series.attemptDuration[event.result].observe(event.elapsedMs / 1_000);
    case 'retry':
      return series.retries[event.reason].add();
    case 'retryDenied':
      return series.retriesDenied[event.reason].add();
    case 'reset':
      return series.resets[event.reason].add();
    case 'lateReply':
      return series.lateReplies[event.fate].add();
    case 'settled':
      if (event.outcome === 'client_gone') series.clientGone[event.cause].add();
      else series.requests[event.outcome].add();
      series.requestDuration[event.outcome].observe(event.request.elapsedMs / 1_000);
      return series.replyBytes.add(event.request.replyBytes);
    case 'discoveryFailed':
      return series.discoveryErrors[event.reason].add();
    case 'endpoint':
      return event.to === 'ejected' ? series.ejections.add() : undefined;
    default:
      return;
  }
}

/** The metrics that count a route's events: all except the gauges. */
function routeFamilies(registry: Registry) {
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
      'Requests settled, by outcome for the app. client_gone: the app did not wait; the cause is what it would have got.',
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
type RouteSeries = ReturnType<typeof routeSeries>;

/** The series of one route, bound to their labels and set to 0. */
function routeSeries(families: RouteFamilies, route: string) {
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
    tallies,
    forget() {
      for (const tally of tallies) tally.forget();
      for (const histogram of [requestDuration, attemptDuration]) histogram.forget({ route });
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

/** The current state of the routes. All gauges of a scrape show the same moment, and only routes that still exist. */
function routeGauges(registry: Registry): (routes: readonly RouteStatus[]) => void {
  const gauge = <L extends string>(name: string, help: string, ...labels: L[]) =>
    new Gauge({ name: `lazypirate_${name}`, help, labelNames: ['route', ...labels], registers: [registry] });
  const inFlight = gauge('in_flight_requests', 'Requests sent at least once and not yet settled.');
  const queued = gauge('queued_requests', 'Requests that wait to be sent, or for their turn to be refused.');
  const queuedBytes = gauge(
    'queued_bytes',
    'Bytes of requests that wait to be sent, as `queueBytes` counts them.',
  );
  const endpoints = gauge('endpoints', 'Endpoints of the upstream, by state.', 'state');
  const lastSync = gauge(
    'discovery_last_sync_timestamp_seconds',
    'Unix time when the set of endpoints was last known to be correct; 0: never. Only for routes that discover endpoints.',
  );
  return (routes) => {
    for (const one of [inFlight, queued, queuedBytes, endpoints, lastSync]) one.reset();
    for (const route of routes) {
      const { name } = route.settings;
      // For a while two routes may have the same name: one that is leaving, and one that listens elsewhere.
      inFlight.inc({ route: name }, route.inFlight + route.ended);
      queued.inc({ route: name }, route.queued + route.refused);
      queuedBytes.inc({ route: name }, route.queuedBytes);
      const counts = byValue(ENDPOINT_STATES, () => 0);
      for (const { state } of route.endpoints) if (state !== 'gone') counts[state]++;
      counts.standby = route.standby;
      for (const state of ENDPOINT_STATES) endpoints.inc({ route: name, state }, counts[state]);
    }
    // Of two of a name, the one that stays comes first.
    for (const { settings, discovery } of routes.toReversed())
      if (!discovery.isFixed) lastSync.set({ route: settings.name }, unixSeconds(discovery.syncedMs));
  };
}

/** @param agoMs `undefined`: never */
function unixSeconds(agoMs: number | undefined): number {
  return agoMs === undefined ? 0 : Math.round((Date.now() - agoMs) / 1_000);
}

function reloadMetrics(registry: Registry): (result: ReloadResult) => void {
  const reloads = new Counter({
    name: 'lazypirate_config_reloads_total',
    help: 'Configuration changes that were applied (success) or refused (failure).',
    labelNames: ['result'],
    registers: [registry],
  });
  const last = new Gauge({
    name: 'lazypirate_config_last_reload_successful',
    help: '1 if the newest configuration is in force, 0 after a refused change.',
    registers: [registry],
  });
  for (const result of RELOAD_RESULTS) reloads.inc({ result }, 0);
  last.set(1);
  return (result) => {
    reloads.inc({ result });
    last.set(result === 'success' ? 1 : 0);
  };
}

function describeBuild(registry: Registry, { version, nodeVersion, zeromqVersion }: MetricsSources): void {
  new Gauge({
    name: 'lazypirate_build_info',
    help: 'Always 1. The labels show the running versions.',
    labelNames: ['version', 'node', 'zeromq'],
    registers: [registry],
  }).set({ version, node: nodeVersion, zeromq: zeromqVersion }, 1);
}

function byValue<V extends string, T>(values: readonly V[], make: (value: V) => T): Record<V, T> {
  return Object.fromEntries(values.map((value) => [value, make(value)])) as Record<V, T>;
}
