import type { FailureFormat } from './failure.ts';
import type { SubsetSize } from './subset.ts';

/**
 * Everything that decides how one route treats its requests. Milliseconds and bytes. Sorted by who owns it, which is what
 * decides how much a reload touches: nothing else may.
 */
export interface RouteSettings extends Policy {
  listener: ListenerSettings;
  connection: ConnectionSettings;
}

/** What the listener is made with. Another `listen` moves it; another secret key needs a restart. */
export interface ListenerSettings {
  /** `tcp://host:port` (port 0 picks one) or `ipc://path`. */
  listen: string;
  /** Of the socket of an ipc path; `undefined`: the umask decides. */
  mode: number | undefined;
  /** `undefined`: in plain. */
  curve: CurveServer | undefined;
}

/** How connections to endpoints are made. Where any of it changes, a reload makes another upstream, with connections of its own. */
export interface ConnectionSettings {
  /** Sends an attempt id above the delimiter, so that one lane carries many attempts (RFC 28 obliges a REP to echo it). */
  correlate: boolean;
  heartbeat: Heartbeat;
  /** `undefined`: in plain. */
  curve: CurveClient | undefined;
  /** For a TCP connection to come about. */
  connectTimeoutMs: number;
  /** From then on, for the ZMTP handshake. */
  handshakeTimeoutMs: number;
}

/** What a reload changes while everything stays connected, and nothing that has been learned of an endpoint is forgotten. */
export interface Policy {
  name: string;
  retry: RetryPolicy;
  budget: BudgetSettings;
  limits: Limits;
  /** Endpoints connected to at most; the rest stands by. */
  subset: SubsetSize;
  ejection: EjectionSettings;
  failureReply: FailureFormat;
}

/** `auto`: PING only those who are known to answer. */
export type Heartbeat = 'auto' | 'off' | { intervalMs: number; timeoutMs: number };

/** Keys in Z85 (RFC 26, RFC 32). Secret: never to be shown. */
export interface CurveClient {
  serverKey: string;
  publicKey: string;
  secretKey: string;
}

export interface CurveServer {
  secretKey: string;
  /** Public keys of the clients that may connect; nobody else may. */
  allowedKeys: readonly string[];
}

/**
 * How one request is tried. A request keeps the one that was in force when it arrived: a reload neither shortens nor lengthens
 * what is under way. But a client gets its replies in order, so what is ahead of a request of the same client ends no later than
 * that one's deadline.
 */
export interface RetryPolicy {
  /** How long one attempt is waited for. */
  timeoutMs: number;
  /** Sends in total, the first one included. */
  attempts: number;
  /** The next attempt starts after this time on another endpoint although the one before is still awaited; `undefined`: never. */
  hedgeMs: number | undefined;
  /** For the whole request from its arrival, all waiting included. */
  deadlineMs: number;
  /** Most a request waits while no endpoint is usable; 0 fails at once. */
  waitMs: number;
  retryOn: readonly ('unsent' | 'lost' | 'timeout')[];
  /** Whether a late reply still answers its own request. */
  salvage: boolean;
  backoff: { baseMs: number; maxMs: number };
}

export interface BudgetSettings {
  /** Retries earned by each request. */
  ratio: number;
  /** Retries allowed each second however few requests come. */
  minPerSecond: number;
}

export interface EjectionSettings {
  /** Failed attempts in a row after which an endpoint is left out. */
  failures: number;
  /** How long it is left out the first time; doubled each time in a row. */
  baseMs: number;
  maxMs: number;
  /** Most that may be left out at once, of all endpoints connected to. */
  maxFraction: number;
}

export interface Limits {
  /** Requests of the route that have been sent at least once and are not settled. */
  inFlight: number;
  inFlightPerEndpoint: number;
  /** Whether an endpoint whose attempts time out gets fewer at once, down to one, until its replies come easily again. */
  adaptive: boolean;
  inFlightPerClient: number;
  /** Requests that wait. */
  queue: number;
  queueBytes: number;
  /** Body bytes of one request or reply. */
  messageBytes: number;
}
