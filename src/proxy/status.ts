import type { DiscoveryTrouble, NoEndpoints } from '../discovery/discovery.ts';
import type { EndKind, Told } from '../transport/connection-end.ts';
import type { ObservedEndpoint } from './events.ts';
import type { RouteSettings } from './settings.ts';

/** A snapshot of a route, for `/status`, the gauges and readiness. */
export interface RouteStatus extends UpstreamsStatus {
  settings: RouteSettings;
  /** The address that was bound, with the real port. */
  listening: string | undefined;
  /** Requests that wait to be sent, which the limits bound. */
  queued: number;
  queuedBytes: number;
  inFlight: number;
  inFlightBytes: number;
  /** How many retries the budget would allow at once. */
  retriesLeft: number;
  /** Requests whose outcome is not yet with the app: never sent, and sent. They count against no limit. */
  unsent: number;
  answering: number;
}

type Held = Pick<RouteStatus, 'queued' | 'inFlight' | 'unsent' | 'answering'>;

/** Requests that were received and are not settled. */
export function unsettledIn({ inFlight, answering, queued, unsent }: Held): number {
  return inFlight + answering + queued + unsent;
}

/** The current upstream. Its endpoints include those of earlier upstreams that still have requests. */
export interface UpstreamsStatus extends UpstreamStatus {
  /** The upstream that will take over as soon as it is connected, after a reload. */
  next: UpstreamStatus | undefined;
}

export interface UpstreamStatus {
  /** Whether a request could be sent: an endpoint is connected, even if it is ejected. */
  isUsable: boolean;
  endpoints: EndpointStatus[];
  /** Endpoints that are in the set but not connected to, because the subset is full. */
  standby: number;
  discovery: DiscoveryStatus;
}

/** What is known about the set of endpoints. */
export interface DiscoveryStatus {
  /** The configuration names the endpoints: there is nothing to discover. */
  isFixed: boolean;
  /** `failed`: discovery has never succeeded. `lost`: it has succeeded before, but failed last time. */
  state: 'starting' | 'failed' | 'live' | 'lost';
  /** How long ago the set was last known to be correct. */
  syncedMs: number | undefined;
  /** The reason of the last failure; or, while live, why the set is empty or may be partly out of date. */
  why: string | undefined;
  /** Why Kubernetes knows no endpoint, if it is asked and has said so. */
  empty?: NoEndpoints | undefined;
  /** While it fails: in which way, and for how long it has not succeeded. */
  failure: (Omit<DiscoveryTrouble, 'message'> & { sinceMs: number }) | undefined;
}

export interface EndpointStatus extends ObservedEndpoint {
  state: EndpointStateKind;
  /** How long it has been in this state. */
  sinceMs: number;
  /** Of both of the next, in words for users; or why it is in this state without any trouble. */
  why: string;
  /** What made it so. */
  trouble: Trouble | undefined;
  /** What the newest try to connect shows, if that says less than the cause. */
  newest: Trouble | undefined;
  inFlight: number;
  /** How many attempts may be in flight there at the moment. */
  inFlightLimit: number;
  lanes: number;
  /** Moving average of reply times; absent before the first reply. */
  latencyMs: number | undefined;
  /** Failed attempts since the last one that was answered in time. */
  failuresInARow: number;
  /** All attempts so far that were answered in time, and those that were sent and were not. */
  answered: number;
  unanswered: number;
  /** The last event of its connections, such as `connect refused` or `disconnect`. */
  lastEvent: string;
  /** While it is ejected: the time until the next probe. */
  nextProbeMs: number | undefined;
}

/**
 * `connecting`: not connected yet. `up`: connected. `down`: was connected before and is not now. `ejected`: failed too often, and
 * gets no requests while others are up. `terminating`: no longer in the set; its requests in flight are finishing. `gone`: they have
 * finished.
 */
export type EndpointStateKind = 'connecting' | 'up' | 'down' | 'ejected' | 'terminating' | 'gone';

/**
 * Why an endpoint cannot be used. `new`: not tried yet. `in_handshake`, `no_handshake`: the handshake goes on, or for too long.
 * `not_a_reply`: it broke the protocol of requests. `no_reply`, `reply_lost`: it was ejected because attempts had no reply in time, or
 * none before their connections dropped. The rest is how a connection ended.
 */
export interface Trouble extends Told {
  readonly kind:
    | EndKind
    | 'new'
    | 'in_handshake'
    | 'no_handshake'
    | 'not_a_reply'
    | 'no_reply'
    | 'reply_lost';
}

export type TroubleKind = Trouble['kind'];
