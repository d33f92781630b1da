import { byValue } from '../../../src/ops/metrics/series.ts';
import type { ProcessStatus } from '../../../src/ops/process-figures.ts';
import type { RouteFigures, RouteRecent } from '../../../src/ops/recent.ts';
import type { RouteCounts, RouteTotals } from '../../../src/ops/route-counts.ts';
import type { RouteSettings } from '../../../src/proxy/settings.ts';
import type { EndpointStatus, RouteStatus } from '../../../src/proxy/status.ts';

/** A route that does nothing yet, but for what the test says. */
export function routeStatus(name: string, given: Partial<RouteStatus> = {}): RouteStatus {
  return {
    settings: settings(name),
    listening: undefined,
    queued: 0,
    queuedBytes: 0,
    inFlight: 0,
    inFlightBytes: 0,
    retriesLeft: 0,
    refused: 0,
    ended: 0,
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
  return {
    address: 'tcp://10.1.2.3:7000',
    state: 'connecting',
    sinceMs: 0,
    why: 'not connected yet',
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
  return { ...routeTotals(), durations: { ok: [], clientGone: [], replies: [] }, ...given };
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

function settings(name: string): RouteSettings {
  return {
    name,
    transport: 'zmtp',
    listener: { listen: 'tcp://127.0.0.1:0', mode: undefined, curve: undefined },
    connection: {
      correlate: false,
      heartbeat: 'auto',
      curve: undefined,
      connectTimeoutMs: 500,
      handshakeTimeoutMs: 15_000,
    },
    retry: {
      timeoutMs: 2_500,
      attempts: 3,
      hedgeMs: undefined,
      deadlineMs: 10_000,
      waitMs: 10_000,
      retryOn: ['unsent', 'lost', 'timeout'],
      salvage: true,
      backoff: { baseMs: 25, maxMs: 1_000 },
    },
    budget: { ratio: 0.2, minPerSecond: 10 },
    limits: {
      inFlight: 256,
      inFlightBytes: 268_435_456,
      inFlightPerEndpoint: { plain: 8, correlated: 64 },
      adaptive: true,
      inFlightPerClient: 1,
      queue: 1_024,
      queueBytes: 67_108_864,
      messageBytes: 16_777_216,
      connections: 4_096,
    },
    subset: 64,
    ejection: { failures: 5, baseMs: 1_000, maxMs: 60_000, maxFraction: 0.5 },
    failureReply: { format: 'json' },
  };
}
