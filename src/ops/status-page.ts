import type { RouteSettings } from '../proxy/settings.ts';
import type { DiscoveryStatus, EndpointStatus, RouteStatus, UpstreamStatus } from '../proxy/status.ts';

export interface SidecarStatus {
  version: string;
  uptimeMs: number;
  isDraining: boolean;
  /** The newest change of the configuration, where it was refused: what is in force is older. */
  refusedReload: { at: Date; problems: readonly string[] } | undefined;
  routes: readonly RouteStatus[];
}

/**
 * The `/status` page: indented JSON, ending in a newline. Durations are in milliseconds, sizes in bytes. Every key is listed
 * here, so that a secret that is added to the settings later is not shown by accident.
 */
export function renderStatus({
  version,
  uptimeMs,
  isDraining,
  refusedReload,
  routes,
}: SidecarStatus): string {
  const status = {
    version,
    uptimeMs: Math.round(uptimeMs),
    draining: isDraining,
    refusedReload: refusedReload ?? null,
    routes: routes.map(routeStatus),
  };
  return `${JSON.stringify(status, undefined, 2)}\n`;
}

function routeStatus(route: RouteStatus) {
  const { settings, listening, queued, queuedBytes, inFlight, endpoints, standby, discovery, next } = route;
  return {
    name: settings.name,
    transport: settings.transport,
    listen: settings.listener.listen,
    listening: listening ?? null,
    queued,
    queuedBytes,
    inFlight,
    policy: policy(settings),
    discovery: discoveryStatus(discovery),
    standby,
    endpoints: endpoints.map(endpointStatus),
    ...(next !== undefined && { next: nextStatus(next) }),
  };
}

/** The upstream of a reload while it is not connected. */
function nextStatus({ endpoints, standby, discovery }: UpstreamStatus) {
  return { discovery: discoveryStatus(discovery), standby, endpoints: endpoints.map(endpointStatus) };
}

function discoveryStatus({ state, syncedMs, why }: DiscoveryStatus) {
  return { state, syncedMs: syncedMs === undefined ? null : Math.round(syncedMs), why: why ?? null };
}

function policy({
  connection: { correlate, heartbeat, connectTimeoutMs, handshakeTimeoutMs },
  retry,
  budget,
  limits,
  subset,
  ejection,
  failureReply,
}: RouteSettings) {
  return {
    correlate,
    retry: { ...retry, hedgeMs: retry.hedgeMs ?? null },
    budget,
    limits,
    subset,
    ejection,
    connection: { connectTimeoutMs, handshakeTimeoutMs },
    heartbeat,
    failureReply: failureReply.format,
  };
}

function endpointStatus(endpoint: EndpointStatus) {
  const { address, state, why, sinceMs, inFlight, inFlightLimit, lanes, latencyMs, lastEvent, nextProbeMs } =
    endpoint;
  return {
    address,
    state,
    why,
    sinceMs: Math.round(sinceMs),
    inFlight,
    inFlightLimit,
    lanes,
    latencyMs: latencyMs === undefined ? null : Math.round(latencyMs * 1_000) / 1_000,
    lastEvent,
    ...(nextProbeMs !== undefined && { nextProbeMs: Math.round(nextProbeMs) }),
  };
}
