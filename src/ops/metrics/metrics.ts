import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { ProxyEvent } from '../../proxy/events.ts';
import type { RouteStatus } from '../../proxy/status.ts';
import { routeGauges } from './route-gauges.ts';
import { type RouteSeries, routeFamilies, routeSeries } from './route-series.ts';

const RELOAD_RESULTS = ['success', 'failure'] as const;

type ReloadResult = (typeof RELOAD_RESULTS)[number];

interface MetricsInput {
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
export function createMetrics(sources: MetricsInput): Metrics {
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
    for (const [name, { remove }] of series) if (!names.has(name) && series.delete(name)) remove();
  };

  // All at once, so that a scrape shows a single moment.
  const scrape = async (): Promise<string> => {
    const routes = sources.routes();
    keepOnly(routes);
    for (const { settings } of routes) seriesOf(settings.name);
    for (const { tallies } of series.values()) for (const tally of tallies) tally.publish();
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

function describeBuild(registry: Registry, { version, nodeVersion, zeromqVersion }: MetricsInput): void {
  new Gauge({
    name: 'lazypirate_build_info',
    help: 'Always 1. The labels show the running versions.',
    labelNames: ['version', 'node', 'zeromq'],
    registers: [registry],
  }).set({ version, node: nodeVersion, zeromq: zeromqVersion }, 1);
}
