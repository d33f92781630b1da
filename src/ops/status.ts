import type { RouteSettings } from '../proxy/settings.ts';
import type { EndpointStatus, RouteStatus } from '../proxy/status.ts';

export interface SidecarStatus {
  version: string;
  uptimeMs: number;
  isDraining: boolean;
  routes: readonly RouteStatus[];
}

/**
 * The `/status` page: indented JSON, ending in a newline. Durations are milliseconds, sizes bytes. Every key is named here
 * one by one, so that nothing secret that settings may come to hold gets out by itself.
 */
export function renderStatus({ version, uptimeMs, isDraining, routes }: SidecarStatus): string {
  const status = {
    version,
    uptimeMs: Math.round(uptimeMs),
    draining: isDraining,
    routes: routes.map(routeStatus),
  };
  return `${JSON.stringify(status, undefined, 2)}\n`;
}

function routeStatus({ settings, listening, queued, queuedBytes, inFlight, endpoints }: RouteStatus) {
  return {
    name: settings.name,
    listen: settings.listen,
    listening: listening ?? null,
    queued,
    queuedBytes,
    inFlight,
    policy: policy(settings),
    endpoints: endpoints.map(endpointStatus),
  };
}

function policy({ correlate, retry, budget, limits, heartbeat, failureReply }: RouteSettings) {
  return { correlate, retry, budget, limits, heartbeat, failureReply: failureReply.format };
}

function endpointStatus(endpoint: EndpointStatus) {
  const { address, state, why, sinceMs, inFlight, lanes, latencyMs, lastEvent } = endpoint;
  return {
    address,
    state,
    why,
    sinceMs: Math.round(sinceMs),
    inFlight,
    lanes,
    latencyMs: latencyMs === undefined ? null : Math.round(latencyMs * 1_000) / 1_000,
    lastEvent,
  };
}
