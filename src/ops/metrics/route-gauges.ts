import { Gauge, type Registry } from 'prom-client';
import type { EndpointStatus, RouteStatus } from '../../proxy/status.ts';
import { byValue } from './series.ts';

const ENDPOINT_STATES = ['connecting', 'up', 'down', 'ejected', 'terminating', 'standby'] as const;

/** The current state of the routes. All gauges of a scrape show the same moment, and only routes that still exist. */
export function routeGauges(registry: Registry): (routes: readonly RouteStatus[]) => void {
  const gauge = <L extends string>(name: string, help: string, ...labels: L[]) =>
    new Gauge({ name: `lazypirate_${name}`, help, labelNames: ['route', ...labels], registers: [registry] });
  const inFlight = gauge('in_flight_requests', 'Requests sent at least once and not yet settled.');
  const queued = gauge('queued_requests', 'Requests that wait to be sent, or for their turn to be refused.');
  const queuedBytes = gauge(
    'queued_bytes',
    'Bytes of requests that wait to be sent, as `queueBytes` counts them.',
  );
  const endpoints = gauge('endpoints', 'Endpoints of the upstream, by state.', 'state');
  const limit = gauge(
    'in_flight_limit',
    'Attempts that the endpoints which are up may have in flight together. The limit of each adapts to what it can handle.',
  );
  const retriesLeft = gauge('retry_budget_left', 'Retries that the budget would allow at once.');
  const timeout = gauge('route_timeout_seconds', 'The configured `timeout` of an attempt.');
  const deadline = gauge('route_deadline_seconds', 'The configured `deadline` of a request.');
  const lastSync = gauge(
    'discovery_last_sync_timestamp_seconds',
    'Unix time when the set of endpoints was last known to be correct; 0: never. Only for routes that discover endpoints.',
  );
  const all = [inFlight, queued, queuedBytes, endpoints, limit, retriesLeft, timeout, deadline, lastSync];
  return (routes) => {
    for (const one of all) one.reset();
    for (const route of routes) {
      const { name } = route.settings;
      // For a while two routes may have the same name: one that is leaving, and one that listens elsewhere.
      inFlight.inc({ route: name }, route.inFlight + route.answering);
      queued.inc({ route: name }, route.queued + route.unsent);
      queuedBytes.inc({ route: name }, route.queuedBytes);
      const counts = byValue(ENDPOINT_STATES, () => 0);
      for (const { state } of route.endpoints) if (state !== 'gone') counts[state]++;
      counts.standby = route.standby;
      for (const state of ENDPOINT_STATES) endpoints.inc({ route: name, state }, counts[state]);
      limit.inc({ route: name }, limitOf(route.endpoints));
    }
    // Of two of a name, the one that stays comes first, and sets these last.
    for (const { settings, discovery, retriesLeft: left } of routes.toReversed()) {
      const route = settings.name;
      const { retry } = settings.requests;
      retriesLeft.set({ route }, left);
      timeout.set({ route }, retry.timeoutMs / 1_000);
      deadline.set({ route }, retry.deadlineMs / 1_000);
      if (!discovery.isFixed) lastSync.set({ route }, unixSeconds(discovery.syncedMs));
    }
  };
}

function limitOf(endpoints: readonly EndpointStatus[]): number {
  return endpoints.reduce((sum, { state, inFlightLimit }) => sum + (state === 'up' ? inFlightLimit : 0), 0);
}

/** @param agoMs `undefined`: never */
function unixSeconds(agoMs: number | undefined): number {
  return agoMs === undefined ? 0 : Math.round((Date.now() - agoMs) / 1_000);
}
