import type { EndpointStateKind } from './events.ts';
import type { RouteSettings } from './settings.ts';

/** What a route is doing now, for `/status`, the gauges and readiness. Taken when asked for, never kept up to date. */
export interface RouteStatus extends UpstreamsStatus {
  settings: RouteSettings;
  /** Where it really listens: the port the system chose where the settings say 0. */
  listening: string | undefined;
  queued: number;
  queuedBytes: number;
  inFlight: number;
}

/** The upstream that serves, and beside its endpoints those of earlier ones that still have requests. */
export interface UpstreamsStatus extends UpstreamStatus {
  /** What is to take over as soon as it is connected, after a reload. */
  next: UpstreamStatus | undefined;
}

export interface UpstreamStatus {
  /** Whether a request could be sent at all: an endpoint is connected, were it an ejected one. */
  isUsable: boolean;
  endpoints: EndpointStatus[];
  /** Endpoints that are in the set but not connected to, because the subset is full. */
  standby: number;
  discovery: DiscoveryStatus;
}

/** What is known of the set of endpoints. */
export interface DiscoveryStatus {
  /** The configuration names the endpoints: there is nothing to discover. */
  isFixed: boolean;
  /** `failed`: it has never been known. `lost`: it was known, and the last try to learn it has failed. */
  state: 'starting' | 'failed' | 'live' | 'lost';
  /** How long ago the set was last known to be right. */
  syncedMs: number | undefined;
  /** Of the last failure; or, while it is live, why the set is empty or may be out of date in part. */
  why: string | undefined;
}

export interface EndpointStatus {
  address: string;
  state: EndpointStateKind;
  /** How long it has been in this state. */
  sinceMs: number;
  why: string;
  inFlight: number;
  /** What may be in flight there at the moment. */
  inFlightLimit: number;
  lanes: number;
  /** Moving average of reply times; absent before the first reply. */
  latencyMs: number | undefined;
  /** The last thing its connections told, e.g. `connect refused`, `disconnect`. */
  lastEvent: string;
  /** While it is ejected: when a request is to try it again, from now. */
  nextProbeMs: number | undefined;
}
