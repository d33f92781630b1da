import type { CurveClient } from '../transport/transport.ts';

/**
 * All settings of one route, in milliseconds and bytes. They are sorted by owner, and only that decides how much a reload
 * touches.
 */
export interface RouteSettings extends Policy {
  /** Another one needs new connections on both sides. */
  transport: 'zmtp' | 'libzmq';
  listener: ListenerSettings;
  connection: ConnectionSettings;
}

/** What the listener is made with. Another `listen` moves it; another secret key needs a restart. */
interface ListenerSettings {
  /** `tcp://host:port` (port 0 picks one) or `ipc://path`. */
  listen: string;
  /** Of the socket of an ipc path; `undefined`: the umask decides. */
  mode: number | undefined;
  /** `undefined`: in plain. */
  curve: CurveServer | undefined;
}

/** How connections to endpoints are made. If a reload changes any of this, it makes a new upstream with new connections. */
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

/** Settings that a reload can change while all connections stay, and everything that was learned about endpoints too. */
export interface Policy {
  name: string;
  retry: RetryPolicy;
  budget: BudgetSettings;
  limits: Limits;
  /** Most endpoints to connect to; the rest are on standby. */
  subset: SubsetSize;
  ejection: EjectionSettings;
  failureReply: FailureFormat;
}

/**
 * Whether to send an attempt id in front of the delimiter, so that one lane can carry many attempts: a REP must echo it (RFC 28).
 * `auto`: to peers that call themselves REP, as long as the first reply on each connection brings it back.
 */
export type Correlate = boolean | 'auto';

/** `auto`: send PINGs only to peers that are known to answer. */
export type Heartbeat = 'auto' | 'off' | { intervalMs: number; timeoutMs: number };

/** Keys in Z85 (RFC 26, RFC 32). Never show the secret one. */
export interface CurveServer {
  secretKey: string;
  /** Public keys of the clients that may connect. Others are refused. */
  allowedKeys: readonly string[];
}

/**
 * How a request is tried. A request keeps the policy that was in force when it arrived, so a reload neither shortens nor extends
 * requests in progress. There is one exception: a client gets its replies in order, so an earlier request of the same client ends
 * no later than the deadline of a later one.
 */
export interface RetryPolicy {
  /**
   * How long to wait for the reply to one attempt. What is known of an endpoint (its limit, its late attempts, probes) follows the newest
   * value.
   */
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

export interface Limits {
  /** Most requests of the route that are sent and not yet settled. */
  inFlight: number;
  /** Most bytes of those requests. */
  inFlightBytes: number;
  /** Most attempts at one endpoint, without and with correlation. */
  inFlightPerEndpoint: { plain: number; correlated: number };
  /** Whether to lower the limit of an endpoint while its attempts time out. */
  adaptive: boolean;
  inFlightPerClient: number;
  /** Most requests that wait. */
  queue: number;
  queueBytes: number;
  /** Most body bytes of one request or reply. */
  messageBytes: number;
  /** Most connections of apps. */
  connections: number;
}

/** The most endpoints that a sidecar connects to. */
export type SubsetSize = number | 'all';

/** The form of failure replies. `static` sends the given frame as it is; `silent` sends nothing. */
export type FailureFormat =
  | { format: 'json' }
  | { format: 'multipart' }
  | { format: 'static'; body: Buffer }
  | { format: 'silent' };
