import { byValue } from '../../../src/ops/metrics/series.ts';
import type { ProcessStatus } from '../../../src/ops/process-figures.ts';
import type { RouteFigures, RouteRecent } from '../../../src/ops/recent.ts';
import type { RouteCounts, RouteTotals } from '../../../src/ops/route-counts.ts';
import type { SidecarStatus } from '../../../src/ops/status-page.ts';
import type { EndpointStatus, RouteStatus } from '../../../src/proxy/status.ts';
import { NEW } from '../../../src/proxy/upstream/trouble.ts';
import { wordsOf } from '../../../src/transport/connection-end.ts';
import { settingsOf } from '../../support/route.ts';

/** A route that does nothing yet, but for what the test says. */
export function routeStatus(name: string, given: Partial<RouteStatus> = {}): RouteStatus {
  return {
    settings: settingsOf({ name, transport: 'zmtp', retry: { timeoutMs: 2_500, deadlineMs: 10_000 } }),
    listening: undefined,
    queued: 0,
    queuedBytes: 0,
    inFlight: 0,
    inFlightBytes: 0,
    retriesLeft: 0,
    unsent: 0,
    answering: 0,
    isUsable: false,
    endpoints: [],
    standby: 0,
    next: undefined,
    discovery: { isFixed: true, state: 'live', syncedMs: 0, why: undefined, failure: undefined },
    ...given,
  };
}

/** An endpoint that was never connected to, but for what the test says. */
export function endpointStatus(given: Partial<EndpointStatus> = {}): EndpointStatus {
  const { trouble = given.why === undefined ? NEW : undefined, newest } = given;
  return {
    address: 'tcp://10.1.2.3:7000',
    state: 'connecting',
    sinceMs: 0,
    why: [trouble, newest].flatMap((one) => (one === undefined ? [] : [wordsOf(one)])).join('; now: '),
    trouble,
    newest,
    inFlight: 0,
    inFlightLimit: 8,
    lanes: 1,
    latencyMs: undefined,
    failuresInARow: 0,
    answered: 0,
    unanswered: 0,
    lastEvent: 'none',
    nextProbeMs: undefined,
    ...given,
  };
}

/** A route that has counted nothing, but for what the test says. */
export function routeTotals(given: Partial<RouteTotals> = {}): RouteTotals {
  const causes = [
    ...(['ok', 'no_endpoints', 'timeout', 'lost', 'overloaded'] as const),
    ...(['too_large', 'reply_too_large', 'draining', 'internal'] as const),
  ];
  const failures = ['unsent', 'lost', 'timeout', 'protocol'] as const;
  const none = () => 0;
  return {
    received: 0,
    outcomes: byValue([...causes, 'client_gone'] as const, none),
    clientGone: byValue(causes, none),
    attempts: byValue(['ok', ...failures, 'cancelled'] as const, none),
    retries: byValue([...failures, 'hedge'] as const, none),
    retriesDenied: byValue(['budget', 'deadline', 'policy'] as const, none),
    lateReplies: byValue(['salvaged', 'discarded'] as const, none),
    ejections: 0,
    malformed: 0,
    droppedClients: 0,
    ...given,
  };
}

export function routeCounts(given: Partial<RouteCounts> = {}): RouteCounts {
  return { sinceMs: 0, ...routeTotals(), durations: { ok: [], clientGone: [], replies: [] }, ...given };
}

export function routeRecent(given: Partial<RouteRecent> = {}): RouteRecent {
  const unknown = {
    p50Ms: undefined,
    p99Ms: undefined,
    replyP50Ms: undefined,
    replyP99Ms: undefined,
    goneP50Ms: undefined,
  };
  return { seconds: 60, ...routeTotals(), ...unknown, ...given };
}

/** Nothing has happened, but for what the test says. */
export function routeFigures(given: Partial<RouteFigures> = {}): RouteFigures {
  const endpoint = () => ({ answered: 0, unanswered: 0 });
  return { totals: routeTotals(), recent: routeRecent(), latest: routeRecent(), endpoint, ...given };
}

export function processStatus(given: Partial<ProcessStatus> = {}): ProcessStatus {
  return {
    descriptors: { open: 30, most: 1_000 },
    eventLoop: { busy: 0.01, lateMs: 1 },
    throttled: null,
    ...given,
  };
}

export function sidecarStatus(given: Partial<SidecarStatus> = {}): SidecarStatus {
  return {
    at: new Date('2026-11-27T12:10:00Z'),
    version: '1.2.3',
    pod: 'shop-1',
    namespace: 'shop',
    startedAt: new Date(1_700_000_000_000),
    uptimeMs: 3_600_000,
    isDraining: false,
    config: { hash: '0123456789ab', file: '/etc/lazypirate/config.yaml' },
    configSince: new Date(1_700_000_000_000),
    log: { level: 'info', sample: 0, slowMs: undefined, until: undefined },
    refusedReload: undefined,
    process: processStatus(),
    routes: [],
    figuresOf: () => routeFigures(),
    refusedClientsOf: () => [],
    ...given,
  };
}
