import type { RouteSettings } from '../proxy/settings.ts';
import {
  type DiscoveryStatus,
  type EndpointStatus,
  type RouteStatus,
  type UpstreamStatus,
  unsettledIn,
} from '../proxy/status.ts';
import type { LogState } from './log/log-control.ts';
import { logStatus } from './log/log-page.ts';
import type { ProcessStatus } from './process-figures.ts';
import type { RouteFigures, RouteRecent } from './recent.ts';
import type { RefusedClients } from './refused-clients.ts';

export interface SidecarStatus {
  /** When this was so. */
  at: Date;
  version: string;
  /** Of this sidecar, where the downward API tells. */
  pod: string | undefined;
  namespace: string | undefined;
  startedAt: Date;
  uptimeMs: number;
  isDraining: boolean;
  /** The configuration in force. */
  config: { hash: string; file: string | undefined };
  configSince: Date;
  log: LogState;
  /** The newest change of the configuration, where it was refused: what is in force is older. */
  refusedReload: { at: Date; problems: readonly string[] } | undefined;
  process: ProcessStatus;
  routes: readonly RouteStatus[];
  figuresOf(route: RouteStatus): RouteFigures;
  refusedClientsOf(route: string): readonly RefusedClients[];
}

/** What `/status` shows. */
export type StatusPage = ReturnType<typeof statusPage>;
export type RoutePage = StatusPage['routes'][number];
export type EndpointPage = RoutePage['endpoints'][number];
export type RecentPage = RoutePage['recent'];

/** The `/status` page: indented JSON, ending in a newline. */
export function renderStatus(sidecar: SidecarStatus): string {
  return `${JSON.stringify(statusPage(sidecar), undefined, 2)}\n`;
}

/**
 * What `/status` shows. Durations are in milliseconds, sizes in bytes. Every key is listed here, so that a secret that is added to
 * the settings later is not shown by accident.
 */
export function statusPage(sidecar: SidecarStatus) {
  const { at, version, pod, namespace, startedAt, uptimeMs, isDraining } = sidecar;
  const { config, configSince, log, refusedReload, process, routes } = sidecar;
  return {
    at: at.toISOString(),
    version,
    pod: pod ?? null,
    namespace: namespace ?? null,
    startedAt: startedAt.toISOString(),
    uptimeMs: Math.round(uptimeMs),
    draining: isDraining,
    config: { hash: config.hash, source: config.file ?? null, loadedAt: configSince.toISOString() },
    refusedReload:
      refusedReload === undefined ? null : { ...refusedReload, at: refusedReload.at.toISOString() },
    log: logStatus(log),
    process: processStatus(process),
    routes: routes.map((route) => routeStatus(route, sidecar)),
  };
}

function processStatus({ descriptors, eventLoop, throttled }: ProcessStatus) {
  return {
    descriptors,
    eventLoop: { busy: rounded(eventLoop.busy), lateMs: Math.round(eventLoop.lateMs) },
    throttled: throttled === null ? null : rounded(throttled),
  };
}

function routeStatus(route: RouteStatus, { routes, figuresOf, refusedClientsOf }: SidecarStatus) {
  const { settings, listening, queued, queuedBytes, inFlight, endpoints, standby, discovery, next } = route;
  const figures = figuresOf(route);
  const namesakes = routes.filter((one) => one.settings.name === settings.name);
  return {
    name: settings.name,
    transport: settings.transport,
    listen: settings.listener.listen,
    listening: listening ?? null,
    queued,
    queuedBytes,
    inFlight,
    totals: { ...figures.totals, unaccounted: unaccounted(figures, namesakes) },
    recent: recentStatus(figures.recent),
    latest: recentStatus(figures.latest),
    refusedClients: refusedClientsOf(settings.name).map((one) => ({
      ...one,
      at: one.at.toISOString(),
      address: one.address ?? null,
    })),
    policy: policy(settings),
    discovery: discoveryStatus(discovery),
    standby,
    endpoints: endpoints.map((endpoint) => ({
      ...endpointStatus(endpoint),
      recent: figures.endpoint(endpoint.address),
    })),
    ...(next !== undefined && { next: nextStatus(next) }),
  };
}

/** Requests that were received, and are neither settled nor held: always 0, unless there is a bug. */
function unaccounted({ totals }: RouteFigures, namesakes: readonly RouteStatus[]): number {
  const settled = Object.values(totals.outcomes).reduce((sum, count) => sum + count, 0);
  const held = namesakes.reduce((sum, route) => sum + unsettledIn(route), 0);
  return totals.received - settled - held;
}

function recentStatus({ seconds, p50Ms, p99Ms, replyP50Ms, replyP99Ms, goneP50Ms, ...counts }: RouteRecent) {
  return {
    seconds: Math.round(seconds * 10) / 10,
    ...counts,
    p50Ms: rounded(p50Ms),
    p99Ms: rounded(p99Ms),
    replyP50Ms: rounded(replyP50Ms),
    replyP99Ms: rounded(replyP99Ms),
    goneP50Ms: rounded(goneP50Ms),
  };
}

/** The upstream of a reload while it is not connected. */
function nextStatus({ endpoints, standby, discovery }: UpstreamStatus) {
  return { discovery: discoveryStatus(discovery), standby, endpoints: endpoints.map(endpointStatus) };
}

function discoveryStatus({ isFixed, state, syncedMs, why, empty, failure }: DiscoveryStatus) {
  return {
    fixed: isFixed,
    state,
    syncedMs: syncedMs === undefined ? null : Math.round(syncedMs),
    why: why ?? null,
    empty: empty ?? null,
    failure: failure === undefined ? null : { ...failure, sinceMs: Math.round(failure.sinceMs) },
  };
}

/** To three decimals. */
function rounded(value: number): number;
function rounded(value: number | undefined): number | null;
function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value * 1_000) / 1_000;
}

function policy({ listener, upstream, endpoints, requests }: RouteSettings) {
  const { correlate, heartbeat, connectTimeoutMs, handshakeTimeoutMs } = upstream.connection;
  const { subset, ejection } = endpoints;
  const { retry, budget, limits, failureReply } = requests;
  return {
    correlate,
    retry: { ...retry, hedgeMs: retry.hedgeMs ?? null },
    budget,
    limits: {
      inFlight: limits.inFlight,
      inFlightBytes: limits.inFlightBytes,
      inFlightPerEndpoint: endpoints.inFlight,
      adaptive: endpoints.adaptive,
      inFlightPerClient: requests.inFlightPerClient,
      queue: limits.queue,
      queueBytes: limits.queueBytes,
      messageBytes: listener.messageBytes,
      connections: listener.connections,
    },
    subset,
    ejection,
    connection: { connectTimeoutMs, handshakeTimeoutMs },
    heartbeat,
    failureReply: failureReply.format,
  };
}

function endpointStatus(endpoint: EndpointStatus) {
  const {
    address,
    pod,
    node,
    zone,
    state,
    why,
    trouble,
    newest,
    sinceMs,
    inFlight,
    inFlightLimit,
    lanes,
    latencyMs,
    failuresInARow,
    lastEvent,
    nextProbeMs,
  } = endpoint;
  return {
    address,
    pod: pod ?? null,
    node: node ?? null,
    zone: zone ?? null,
    state,
    why,
    trouble: trouble ?? null,
    newest: newest ?? null,
    sinceMs: Math.round(sinceMs),
    inFlight,
    inFlightLimit,
    lanes,
    latencyMs: rounded(latencyMs),
    failuresInARow,
    lastEvent,
    ...(nextProbeMs !== undefined && { nextProbeMs: Math.round(nextProbeMs) }),
  };
}
