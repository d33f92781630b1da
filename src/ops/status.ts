import type { RouteSettings } from '../proxy/settings.ts';
import type { EndpointStatus, RouteStatus } from '../proxy/status.ts';

export interface SidecarStatus {
  version: string;
  uptimeMs: number;
  isDraining: boolean;
  /** The newest change of the configuration, where it was refused: what is in force is older. */
  refusedReload: { at: Date; problems: readonly string[] } | undefined;
  routes: readonly RouteStatus[];
}

/**
 * The `/status` page: indented JSON, ending in a newline. Durations are milliseconds, sizes bytes. Every key is named here
 * one by one, so that nothing secret that settings may come to hold gets out by itself.
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
  const { settings, listening, queued, queuedBytes, inFlight, endpoints, standby, discovery } = route;
  return {
    name: settings.name,
    listen: settings.listen,
    listening: listening ?? null,
    queued,
    queuedBytes,
    inFlight,
    policy: policy(settings),
    discovery: {
      state: discovery.state,
      syncedMs: discovery.syncedMs === undefined ? null : Math.round(discovery.syncedMs),
      why: discovery.why ?? null,
    },
    standby,
    endpoints: endpoints.map(endpointStatus),
  };
}

function policy({
  correlate,
  retry,
  budget,
  limits,
  subset,
  ejection,
  connection,
  heartbeat,
  failureReply,
}: RouteSettings) {
  return {
    correlate,
    retry: { ...retry, hedgeMs: retry.hedgeMs ?? null },
    budget,
    limits,
    subset,
    ejection,
    connection,
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
