import type { EndpointStateKind } from './events.ts';
import type { RouteSettings } from './settings.ts';

/** What a route is doing now, for `/status`, the gauges and readiness. Taken when asked for, never kept up to date. */
export interface RouteStatus {
  settings: RouteSettings;
  /** Where it really listens: the port the system chose where the settings say 0. */
  listening: string | undefined;
  queued: number;
  queuedBytes: number;
  inFlight: number;
  endpoints: EndpointStatus[];
}

export interface EndpointStatus {
  address: string;
  state: EndpointStateKind;
  /** How long it has been in this state. */
  sinceMs: number;
  why: string;
  inFlight: number;
  lanes: number;
  /** Moving average of reply times; absent before the first reply. */
  latencyMs: number | undefined;
  /** The last thing its connections told, e.g. `connect refused`, `disconnect`. */
  lastEvent: string;
}
