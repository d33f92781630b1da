import type { RequestRecord } from '../record.ts';
import type { RouteTotals } from '../route-counts.ts';
import type { EndpointPage, RoutePage } from '../status-page.ts';

/** A route as the reasons look at it. */
export interface RouteView {
  route: RoutePage;
  /** Its failed and slow requests of the last minutes, the newest first. */
  records: readonly RequestRecord[];
  now: Date;
  /** In the last minute. */
  settled: number;
  failed: number;
  /** How it goes now: in the last 10 s, or if nothing was settled then in the last minute. */
  health: 'broken' | 'degraded' | 'well';
  /** In that time some requests got a reply. */
  hasReplies: boolean;
  /** No request can be sent at all. */
  isCutOff: boolean;
  /** It was started a moment ago, and nothing has failed yet. */
  isStarting: boolean;
  /** Endpoints in the set. */
  endpoints: readonly EndpointPage[];
  /** Those of them that get requests. */
  up: readonly EndpointPage[];
}

/** How long a sidecar may take until its first connections are there. */
const START_MS = 3_000;
/** If so many of the requests fail, the route is broken; and if so many fail, it does not work well. */
const BROKEN_SHARE = 0.5;
const DEGRADED_SHARE = 0.01;
const RECORDS_MS = 120_000;

export function routeView(
  route: RoutePage,
  records: readonly RequestRecord[],
  uptimeMs: number,
  now: Date,
): RouteView {
  const endpoints = route.endpoints.filter(({ state }) => state !== 'terminating' && state !== 'gone');
  const isCutOff = !endpoints.some(({ state }) => state === 'up' || state === 'ejected');
  const failed = failedIn(route.recent);
  const isNew =
    uptimeMs < START_MS &&
    failed === 0 &&
    (endpoints.length > 0 || route.discovery.state === 'starting') &&
    endpoints.every(isUntried);
  const isStarting = route.listening === null || (isCutOff && isNew);
  const latest = settledIn(route.latest) > 0 ? route.latest : route.recent;
  const share = failedIn(latest) / Math.max(1, settledIn(latest));
  return {
    route,
    records: records.filter(
      (one) => one.route === route.name && now.getTime() - Date.parse(one.at) - one.elapsedMs < RECORDS_MS,
    ),
    now,
    settled: settledIn(route.recent),
    failed,
    health:
      (isCutOff && !isStarting) || share >= BROKEN_SHARE
        ? 'broken'
        : share >= DEGRADED_SHARE
          ? 'degraded'
          : 'well',
    hasReplies: latest.outcomes.ok + latest.clientGone.ok > 0,
    isCutOff,
    isStarting,
    endpoints,
    up: endpoints.filter(({ state }) => state === 'up'),
  };
}

/** Nothing has gone wrong with it so far. */
export function isUntried({ trouble }: EndpointPage): boolean {
  return trouble?.kind === 'new';
}

export function settledIn({ outcomes }: Pick<RouteTotals, 'outcomes'>): number {
  return Object.values(outcomes).reduce((sum, count) => sum + count, 0);
}

/** Requests whose app got no reply. That it had left when the reply came is no failure of ours. */
export function failedIn(recent: Pick<RouteTotals, 'outcomes' | 'clientGone'>): number {
  return settledIn(recent) - recent.outcomes.ok - recent.clientGone.ok;
}

/** Attempts that came to nothing, and all that came to something. */
export function attemptsIn({ attempts }: Pick<RouteTotals, 'attempts'>): { failed: number; all: number } {
  const failed = attempts.timeout + attempts.lost + attempts.unsent + attempts.protocol;
  return { failed, all: failed + attempts.ok };
}
