import type { DiscoverySettings } from '../discovery/discovery-settings.ts';
import type { CurveClient, ListenOptions } from '../transport/transport.ts';

/**
 * All settings of one route, in milliseconds and bytes. Each group has one owner. A reload hands an owner its group if anything in it has
 * changed, and leaves it alone if not. A value that two owners need stands in both groups.
 */
export interface RouteSettings {
  name: string;
  /** Another one needs new connections on both sides. */
  transport: 'zmtp' | 'libzmq';
  /** The frontend's. */
  listener: ListenerSettings;
  /** They make an upstream: another one takes over if they change, except for a list of endpoints that still has a connected one. */
  upstream: UpstreamSettings;
  /** The endpoints'. Connections stay when they change, and so does everything that was learned about endpoints. */
  endpoints: EndpointSettings;
  /** For requests that arrive from now on. */
  requests: RequestSettings;
}

/** What apps connect to. Another address moves it; another secret key needs a restart. The rest changes while it listens. */
export interface ListenerSettings extends ListenOptions {
  /** `tcp://host:port` (port 0 picks one) or `ipc://path`. */
  listen: string;
  /** In Z85; never show it. `undefined`: in plain. */
  secretKey: string | undefined;
}

/** Where endpoints come from, and how to connect to them. */
export interface UpstreamSettings {
  discovery: DiscoverySettings;
  connection: ConnectionSettings;
}

export interface ConnectionSettings {
  correlate: Correlate;
  heartbeat: Heartbeat;
  /** `undefined`: in plain. */
  curve: CurveClient | undefined;
  /** Time limit for a TCP connection. */
  connectTimeoutMs: number;
  /** Time limit for the ZMTP handshake after that. */
  handshakeTimeoutMs: number;
}

/** How endpoints are used. */
export interface EndpointSettings {
  /** Most endpoints to connect to; the rest are on standby. */
  subset: SubsetSize;
  ejection: EjectionSettings;
  /** Most attempts at one endpoint, without and with correlation. */
  inFlight: { plain: number; correlated: number };
  /** Whether to lower the limit of an endpoint while its attempts time out. */
  adaptive: boolean;
  /** How long an attempt may take: a late one counts against the limit, and a probe is awaited for so long. */
  timeoutMs: number;
  /** Most body bytes of one reply. New connections replace those that were made with another one. */
  messageBytes: number;
}

/** How requests are admitted and tried. */
export interface RequestSettings {
  retry: RetryPolicy;
  budget: BudgetSettings;
  limits: AdmissionLimits;
  /** Most requests of one client in flight. */
  inFlightPerClient: number;
  failureReply: FailureFormat;
  traceFrame?: TraceFrame;
}

/** The body frame in which apps may tell the trace that a request belongs to (a W3C `traceparent`). */
export interface TraceFrame {
  /** From 0. */
  index: number;
  /** Whether it is taken away before the request is sent on, if there is another frame. */
  isStripped: boolean;
}

/**
 * Whether to send an attempt id in front of the delimiter, so that one lane can carry many attempts: a REP must echo it (RFC 28).
 * `auto`: to peers that call themselves REP, as long as the first reply on each connection brings it back.
 */
export type Correlate = boolean | 'auto';

/** `auto`: send PINGs only to peers that are known to answer. */
export type Heartbeat = 'auto' | 'off' | { intervalMs: number; timeoutMs: number };

/**
 * How a request is tried. A request keeps the policy that was in force when it arrived, so a reload neither shortens nor extends
 * requests in progress. There is one exception: a client gets its replies in order, so an earlier request of the same client ends
 * no later than the deadline of a later one.
 */
export interface RetryPolicy {
  /** How long to wait for the reply to one attempt. */
  timeoutMs: number;
  /** How often the request is sent at most, including the first time. */
  attempts: number;
  /** The next attempt starts after this time on another endpoint, while the previous one is still awaited; `undefined`: never. */
  hedgeMs: number | undefined;
  /** Time limit for the whole request from its arrival, including all waiting. */
  deadlineMs: number;
  /** How long a request may wait while no endpoint is usable; with 0 it fails at once. */
  waitMs: number;
  retryOn: readonly ('unsent' | 'lost' | 'timeout')[];
  /** Whether a late reply still answers its own request. */
  salvage: boolean;
  backoff: { baseMs: number; maxMs: number };
}

export interface BudgetSettings {
  /** Retries earned by each request. */
  ratio: number;
  /** Retries per second that are always allowed. */
  minPerSecond: number;
}

export interface EjectionSettings {
  /** Failed attempts in a row after which an endpoint is ejected. */
  failures: number;
  /** How long the first ejection lasts; each further one in a row lasts twice as long. */
  baseMs: number;
  maxMs: number;
  /** Largest share of the connected endpoints that may be ejected at once. */
  maxFraction: number;
}

/** How many requests a route may hold. */
export interface AdmissionLimits {
  /** Most requests of the route that are sent and not yet settled. */
  inFlight: number;
  /** Most bytes of those requests. */
  inFlightBytes: number;
  /** Most requests that wait. */
  queue: number;
  queueBytes: number;
}

/** The most endpoints that a sidecar connects to. */
export type SubsetSize = number | 'all';

/** The form of failure replies. `static` sends the given frame as it is; `silent` sends nothing. */
export type FailureFormat =
  | { format: 'json' }
  | { format: 'multipart' }
  | { format: 'static'; body: Buffer }
  | { format: 'silent' };
