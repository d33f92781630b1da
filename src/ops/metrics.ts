import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client';
import type { ProxyEvent } from '../proxy/events.ts';
import { FAILURE_CODES, type FailureCode } from '../proxy/failure.ts';
import type { RouteStatus } from '../proxy/status.ts';
import { DurationHistogram, type Labels, Tally } from './in-place.ts';

/** Every value a label can take besides route names, so that each series is there, at 0, before anything has happened. */
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
  /** The routes as they are now; asked at each scrape. */
  routes(): readonly RouteStatus[];
  version: string;
  nodeVersion: string;
  zeromqVersion: string;
}

export interface Metrics {
  /** Counts an event. On the hot path: three a request. */
  record(event: ProxyEvent): void;
  reload(result: ReloadResult): void;
  /** All metrics in the Prometheus text format. Those who ask at the same time share one answer. */
  text(): Promise<string>;
  contentType: string;
}

/** The metrics of one sidecar, in a registry of their own. */
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

  /** Series of routes that are gone go with them: each rename would leave some hundred behind. */
  const keepOnly = (routes: readonly RouteStatus[]): void => {
    const names = new Set(routes.map(({ settings }) => settings.name));
    for (const [name, { forget }] of series) if (!names.has(name) && series.delete(name)) forget();
  };

  // All of it in one go, so that what a scrape shows is one moment.
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
      // Nobody may ever scrape.
      keepOnly(sources.routes());
    },
    text() {
      // A hundred scrapers at once must cost the routes no more time than one does.
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
    case 'malformed':
      return series.malformed.add();
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
    case 'discovered':
    case 'listening':
    case 'upstreamDelayed':
    case 'upstreamSwitched':
    case 'internalError':
      return;
  }
}

/** The metrics that a route's events count, all but the gauges. */
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
    // All that the registry asks of a metric is its name and `get`, which its type does not say.
    registry.registerMetric(histogram as unknown as Metric);
    return histogram;
  };
  return {
    received: counter('requests_received_total', 'Requests received: settled, in flight or queued by now.'),
    requests: counter(
      'requests_total',
      'Requests settled, by what the app got. client_gone: it did not wait; the cause is what it would have got.',
      'outcome',
      'cause',
    ),
    requestDuration: seconds('request_duration_seconds', 'From arrival to outcome, all waiting included.'),
    attempts: counter('attempts_total', 'Attempts ended: sends of a request to an endpoint.', 'result'),
    attemptDuration: seconds(
      'attempt_duration_seconds',
      'From the send of an attempt to its end. Only with result ok this is a reply time.',
    ),
    retries: counter('retries_total', 'Attempts after the first, by why the one before failed.', 'reason'),
    retriesDenied: counter('retries_denied_total', 'Failed attempts that were not retried.', 'reason'),
    resets: counter('resets_total', 'Lanes whose socket was closed and replaced.', 'reason'),
    lateReplies: counter(
      'late_replies_total',
      'Replies that came after the timeout of their attempt.',
      'fate',
    ),
    malformed: counter('malformed_messages_total', 'Messages of the app that were no request, and dropped.'),
    ejections: counter('ejections_total', 'Endpoints left out for a while after repeated failures.'),
    requestBytes: counter('request_bytes_total', 'Body bytes of requests received.'),
    replyBytes: counter('reply_bytes_total', 'Body bytes of replies given to the app.'),
    discoveryErrors: counter('discovery_errors_total', 'Failures to learn the set of endpoints.', 'reason'),
  };
}

type RouteFamilies = ReturnType<typeof routeFamilies>;
type RouteSeries = ReturnType<typeof routeSeries>;

/** The series of one route, each bound to its labels and set to 0. */
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
    ejections: total(families.ejections),
    requestBytes: total(families.requestBytes),
    replyBytes: total(families.replyBytes),
    discoveryErrors: totals(families.discoveryErrors, 'reason', DISCOVERY_FAILURES),
  };
}

/** What a route is doing now. All gauges of a scrape show the same moment, and only routes that are still there. */
function routeGauges(registry: Registry): (routes: readonly RouteStatus[]) => void {
  const gauge = <L extends string>(name: string, help: string, ...labels: L[]) =>
    new Gauge({ name: `lazypirate_${name}`, help, labelNames: ['route', ...labels], registers: [registry] });
  const inFlight = gauge('in_flight_requests', 'Requests sent at least once and not settled.');
  const queued = gauge('queued_requests', 'Requests that wait to be sent.');
  const queuedBytes = gauge(
    'queued_bytes',
    'Bytes of requests that wait to be sent, as `queueBytes` counts them.',
  );
  const endpoints = gauge('endpoints', 'Endpoints of the upstream, by state.', 'state');
  const lastSync = gauge(
    'discovery_last_sync_timestamp_seconds',
    'When the set of endpoints was last known to be right, in Unix time; 0: never. Only of routes that discover theirs.',
  );
  return (routes) => {
    for (const one of [inFlight, queued, queuedBytes, endpoints, lastSync]) one.reset();
    for (const route of routes) {
      const { name } = route.settings;
      // For a while there may be two of a name: one that leaves, and one that listens elsewhere.
      inFlight.inc({ route: name }, route.inFlight);
      queued.inc({ route: name }, route.queued);
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
    help: 'Changes of the configuration that were applied (success) or refused (failure).',
    labelNames: ['result'],
    registers: [registry],
  });
  const last = new Gauge({
    name: 'lazypirate_config_last_reload_successful',
    help: 'Whether the configuration in force is the newest one: 1, or 0 after a refused change.',
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
    help: 'Always 1; the labels tell what is running.',
    labelNames: ['version', 'node', 'zeromq'],
    registers: [registry],
  }).set({ version, node: nodeVersion, zeromq: zeromqVersion }, 1);
}

function byValue<V extends string, T>(values: readonly V[], make: (value: V) => T): Record<V, T> {
  return Object.fromEntries(values.map((value) => [value, make(value)])) as Record<V, T>;
}
