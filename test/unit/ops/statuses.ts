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
    discovery: { isFixed: true, state: 'live', syncedMs: 0, why: undefined },
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
    lastEvent: 'none',
    nextProbeMs: undefined,
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
