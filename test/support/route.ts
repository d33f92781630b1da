import type { TestContext } from 'node:test';
import { inspect } from 'node:util';
import type { Discovery } from '../../src/discovery/discovery.ts';
import type { DiscoverySettings } from '../../src/discovery/discovery-settings.ts';
import { StaticDiscovery } from '../../src/discovery/static.ts';
import { Events } from '../../src/proxy/events.ts';
import { Route } from '../../src/proxy/route.ts';
import type {
  AdmissionLimits,
  ConnectionSettings,
  EndpointSettings,
  RequestSettings,
  RetryPolicy,
  RouteSettings,
} from '../../src/proxy/settings.ts';
import { libzmq } from '../../src/transport/zeromq/zeromq-transport.ts';
import { zmtp } from '../../src/transport/zmtp/zmtp-transport.ts';
import { TRANSPORT } from './chosen-transport.ts';
import { type RecordedEvent, recordEvents } from './recorded-events.ts';
import { soon } from './until.ts';

const MiB = 2 ** 20;

/** Longer than any machine takes for a reply that comes: what is lost unnoticed takes so long, and a test of that counts it. */
const PATIENT_MS = 60_000;

const EVENTS_TOLD = 50;

interface Limits extends AdmissionLimits {
  inFlightPerEndpoint: number;
  inFlightPerClient: number;
  adaptive: boolean;
  messageBytes: number;
  connections: number;
}

export interface RouteOptions
  extends Partial<Omit<RequestSettings, 'retry' | 'limits'>>,
    Partial<Pick<EndpointSettings, 'subset' | 'ejection'>>,
    Partial<ConnectionSettings> {
  name?: string;
  transport?: RouteSettings['transport'];
  listen?: string;
  mode?: number;
  endpoints?: readonly string[];
  connection?: Partial<ConnectionSettings>;
  retry?: Partial<RetryPolicy>;
  limits?: Partial<Limits>;
}

/** A route of the real data path in this process, between real sockets, and everything that it told. */
export interface RunningRoute {
  /** Where apps connect to. */
  address: string;
  route: Route;
  events: RecordedEvent[];
  /** The events as they happen, with their live objects. */
  live: Events;
  /** Reloads: what is not given stays as it is. */
  apply(changes: RouteOptions): void;
  /** How many events of a kind there were, by what came of them: `count('attempt', 'ok')`. */
  count(kind: RecordedEvent['kind'], what?: string): number;
  /** Is told of each event from now on. */
  watch(watcher: (event: RecordedEvent) => void): void;
  /** Resolves with the first event, past or to come, that satisfies the predicate. If none comes, it fails, and says which came. */
  event(predicate: (event: RecordedEvent) => boolean): Promise<RecordedEvent>;
}

/** Starts a route with the defaults of the configuration, but for a longer timeout, and closes it when the test ends. */
export async function startRoute(
  t: TestContext,
  endpoints: readonly string[] | Discovery | (() => Discovery),
  given: RouteOptions = {},
): Promise<RunningRoute> {
  const events: RecordedEvent[] = [];
  const options = Array.isArray(endpoints) ? { ...given, endpoints } : given;
  const discoveryOf = (settings: DiscoverySettings) => {
    if (typeof endpoints === 'function') return endpoints();
    if ('run' in endpoints) return endpoints;
    return new StaticDiscovery(settings.kind === 'static' ? settings.endpoints : []);
  };
  const watchers = new Set<(event: RecordedEvent) => void>();
  const settings = settingsOf(options);
  const transport = settings.transport === 'zmtp' ? zmtp : libzmq;
  const told = new Events((error) => {
    throw error;
  });
  recordEvents(told, (event) => {
    events.push(event);
    for (const watcher of watchers) watcher(event);
  });
  const route = new Route(settings, transport, discoveryOf, told);
  await route.listen();
  const running = route.run();
  t.after(async () => {
    await Promise.all([route.close(), running]);
  });
  return {
    address: route.status().listening ?? '',
    route,
    events,
    live: told,
    apply: (changes) => route.apply(settingsOf({ ...options, ...changes })),
    count: (kind, what) => events.filter((one) => one.kind === kind && isAbout(one, what)).length,
    watch: (watcher) => void watchers.add(watcher),
    event: (predicate) => {
      const { promise, resolve } = Promise.withResolvers<RecordedEvent>();
      const past = events.find(predicate);
      if (past !== undefined) return Promise.resolve(past);
      const watcher = (event: RecordedEvent) => {
        if (!predicate(event)) return;
        watchers.delete(watcher);
        resolve(event);
      };
      watchers.add(watcher);
      return soon(() => `an event like ${predicate}; there came\n${listOf(events)}`, promise);
    },
  };
}

/** The newest are enough to see what happened in place of what was awaited. */
function listOf(events: readonly RecordedEvent[]): string {
  const newest = events
    .slice(-EVENTS_TOLD)
    .map((event) => inspect(event, { breakLength: Number.POSITIVE_INFINITY }));
  const earlier = events.length - newest.length;
  return [...(earlier > 0 ? [`${earlier} earlier ones`] : []), ...newest].join('\n') || 'none';
}

function isAbout(event: RecordedEvent, what: string | undefined): boolean {
  if (what === undefined) return true;
  const { result, reason, fate, outcome, to } = event as Record<string, unknown> & RecordedEvent;
  return [result, reason, fate, outcome, to].includes(what);
}

export function settingsOf({
  name = 'test',
  transport = TRANSPORT,
  listen = 'tcp://127.0.0.1:0',
  mode,
  endpoints = [],
  correlate = false,
  heartbeat = 'auto',
  curve,
  connectTimeoutMs = 500,
  handshakeTimeoutMs = 15_000,
  connection,
  retry,
  limits = {},
  subset = 64,
  ejection = { failures: 5, baseMs: 1_000, maxMs: 60_000, maxFraction: 0.5 },
  budget = { ratio: 0.2, minPerSecond: 10 },
  failureReply = { format: 'json' },
  traceFrame,
}: RouteOptions): RouteSettings {
  const timeoutMs = retry?.timeoutMs ?? PATIENT_MS;
  const attempts = retry?.attempts ?? 3;
  const deadlineMs = retry?.deadlineMs ?? attempts * timeoutMs + 75;
  const { inFlightPerEndpoint, inFlightPerClient = 1, adaptive = true, connections = 4096, ...rest } = limits;
  const { messageBytes = 16 * MiB, ...admission } = rest;
  const { queueBytes = 64 * MiB } = admission;
  return {
    name,
    transport,
    listener: {
      ...{ listen, mode, connections, messageBytes, unreadBytes: queueBytes },
      ...{ secretKey: undefined, allowedKeys: [] },
    },
    upstream: {
      discovery: { kind: 'static', endpoints },
      connection: { correlate, heartbeat, curve, connectTimeoutMs, handshakeTimeoutMs, ...connection },
    },
    endpoints: {
      inFlight: { plain: inFlightPerEndpoint ?? 8, correlated: inFlightPerEndpoint ?? 64 },
      ...{ subset, ejection, adaptive, timeoutMs, messageBytes },
    },
    requests: {
      retry: {
        timeoutMs,
        attempts,
        hedgeMs: undefined,
        deadlineMs,
        waitMs: deadlineMs,
        retryOn: ['unsent', 'lost', 'timeout'],
        salvage: true,
        backoff: { baseMs: 25, maxMs: 1_000 },
        ...retry,
      },
      limits: { inFlight: 256, inFlightBytes: 256 * MiB, queue: 1024, queueBytes, ...admission },
      ...{ budget, inFlightPerClient, failureReply, ...(traceFrame && { traceFrame }) },
    },
  };
}
