import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Events } from '../../proxy/events.ts';
import type { RouteStatus } from '../../proxy/status.ts';
import type { RouteCounts } from '../route-counts.ts';
import type { SpanCounts } from '../tracing/span-queue.ts';
import type { TracedDuration } from '../tracing/spans.ts';
import { EndpointMetrics } from './endpoint-metrics.ts';
import { type Format, openMetricsOf } from './format.ts';
import { routeGauges } from './route-gauges.ts';
import { countsOf, routeFamilies, SECONDS_BUCKETS, showExemplar } from './route-series.ts';
import { SeriesByRoute } from './series-by-route.ts';
import { spanMetrics } from './span-metrics.ts';

const RELOAD_RESULTS = ['success', 'failure'] as const;

type ReloadResult = (typeof RELOAD_RESULTS)[number];

interface MetricsInput {
  /** The current routes, read at each scrape. */
  routes(): readonly RouteStatus[];
  /** Of the configuration in force. */
  configHash(): string;
  version: string;
  nodeVersion: string;
  zeromqVersion: string;
}

export interface Metrics {
  /** Counts these events. */
  observe(events: Events): void;
  /** Whether there are series of each endpoint too. */
  showEndpoints(isShown: boolean): void;
  reload(result: ReloadResult): void;
  /** What has been counted for a route so far. */
  counts(route: string): RouteCounts;
  /** Upper bounds of the buckets of durations, in seconds. */
  durationBounds: readonly number[];
  spans: SpanCounts;
  /** Shows a trace as an exemplar of the durations that have been counted. */
  showTrace(traced: TracedDuration): void;
  /** All metrics, by default in the text format of Prometheus. Scrapes of a format at the same time share one answer. */
  text(format?: Format): Promise<string>;
}

/** The metrics of one sidecar, in their own registry. */
export function createMetrics(sources: MetricsInput): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  describeBuild(registry, sources);
  const families = routeFamilies(registry);
  const readGauges = routeGauges(registry);
  const reload = reloadMetrics(registry);
  const spans = spanMetrics(registry);
  const readConfig = configMetric(registry, sources);
  const endpoints = new EndpointMetrics(registry);

  const series = new SeriesByRoute(families, sources.routes);

  /** Forgets routes and endpoints that are gone. */
  const keepOnly = (routes: readonly RouteStatus[]): void => {
    series.keepOnly(routes);
    endpoints.read(routes);
  };

  // All at once, so that a scrape shows a single moment.
  const scrape = async (format: Format): Promise<string> => {
    const routes = sources.routes();
    keepOnly(routes);
    for (const { settings } of routes) series.of(settings.name);
    for (const { tallies } of series.all) for (const tally of tallies) tally.publish();
    spans.publish();
    readGauges(routes);
    readConfig();
    return await (format === 'openMetrics' ? openMetricsOf(registry) : registry.metrics());
  };
  const scraping = new Map<Format, Promise<string>>();

  return {
    observe(events) {
      series.observe(events);
      count(events, series);
      endpoints.events = events;
    },
    showEndpoints(isShown) {
      if (isShown) endpoints.start();
      else endpoints.stop();
    },
    reload(result) {
      reload(result);
      // There may never be a scrape.
      keepOnly(sources.routes());
    },
    spans: spans.counts,
    // If the route is gone by now, the next scrape removes its series again.
    showTrace: (traced) => showExemplar(series.of(traced.route), traced),
    durationBounds: SECONDS_BUCKETS,
    counts: (route) => countsOf(series.of(route)),
    text(format = 'prometheus') {
      // A hundred scrapes at once must not slow the routes down more than one does.
      const current = scraping.get(format) ?? scrape(format).finally(() => scraping.delete(format));
      scraping.set(format, current);
      return current;
    },
  };
}

function count(events: Events, series: SeriesByRoute): void {
  const seriesOf = (route: string) => series.of(route);
  events.on('received', ({ route, bytes }) => {
    const series = seriesOf(route);
    series.received.add();
    series.requestBytes.add(bytes);
  });
  events.on('malformed', ({ route }) => seriesOf(route).malformed.add());
  events.on('droppedClient', ({ route }) => seriesOf(route).droppedClients.add());
  events.on('attempt', ({ request, result = 'cancelled', sentMs, endedMs }) => {
    const series = seriesOf(request.route);
    series.attempts[result].add();
    series.attemptDuration[result].observe((endedMs - sentMs) / 1_000);
  });
  events.on('retry', ({ request, reason }) => seriesOf(request.route).retries[reason].add());
  events.on('retryDenied', ({ request, reason }) => seriesOf(request.route).retriesDenied[reason].add());
  events.on('reset', ({ route, reason }) => seriesOf(route).resets[reason].add());
  events.on('lateReply', ({ route, fate }) => seriesOf(route).lateReplies[fate].add());
  events.on('settled', ({ route, outcome = 'internal', cause = 'internal', elapsedMs, replyBytes }) => {
    const series = seriesOf(route);
    if (outcome === 'client_gone') series.clientGone[cause].add();
    else series.requests[outcome].add();
    series.requestDuration[outcome].observe(elapsedMs / 1_000);
    series.replyBytes.add(replyBytes);
  });
  events.on('discoveryFailed', ({ route, reason }) => seriesOf(route).discoveryErrors[reason].add());
  events.on('endpoint', ({ route, to }) => {
    if (to === 'ejected') seriesOf(route).ejections.add();
  });
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

/** @returns updates the metric, which always has one series */
function configMetric(registry: Registry, { configHash }: MetricsInput): () => void {
  const info = new Gauge({
    name: 'lazypirate_config_info',
    help: 'Always 1. The label shows the hash of the configuration in force.',
    labelNames: ['hash'],
    registers: [registry],
  });
  return () => {
    info.reset();
    info.set({ hash: configHash() }, 1);
  };
}

function describeBuild(registry: Registry, { version, nodeVersion, zeromqVersion }: MetricsInput): void {
  new Gauge({
    name: 'lazypirate_build_info',
    help: 'Always 1. The labels show the running versions.',
    labelNames: ['version', 'node', 'zeromq'],
    registers: [registry],
  }).set({ version, node: nodeVersion, zeromq: zeromqVersion }, 1);
}
