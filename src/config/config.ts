import type { RouteSettings } from '../proxy/settings.ts';
import type { ShownConfig } from './shown-config.ts';

/** A configuration that has been read, checked and completed: defaults are filled in, durations are in ms, sizes in bytes. */
export interface Config {
  admin: AdminConfig;
  log: { level: LogLevel; format: LogFormat; sample: number; slowMs: number | undefined };
  metrics: { perEndpoint: boolean };
  drain: { timeoutMs: number; quietMs: number };
  /** `undefined`: no spans are made. */
  tracing: TracingConfig | undefined;
  routes: RouteSettings[];
  /** Problems that do not stop the sidecar, but should be fixed. */
  warnings: readonly string[];
  /** For people. */
  shown: ShownConfig;
}

/** Where the two admin doors listen, and what they show. Port 0 picks one. */
export interface AdminConfig {
  listen: HostPort;
  /** `undefined` if it is off. */
  inspect: HostPort | undefined;
  /** How many bytes of each body a tap shows. */
  tapBodies: number;
  readiness: 'listening' | 'upstream';
  /** Where profiles are written; `undefined`: there are none. */
  debugDirectory: string | undefined;
}

export interface HostPort {
  host: string;
  port: number;
}

/** Where spans go, and which. */
export interface TracingConfig {
  /** Where they are posted to. */
  url: string;
  /** By names in lower case. Never show the values. */
  headers: Readonly<Record<string, string>>;
  /** Share of the requests that are traced, of those that are not traced in any case. */
  sample: number;
  /** Whether the flag of a parent decides in place of `sample`. */
  followsParent: boolean;
  /** What the spans say of this process, with `service.name`. */
  resource: Readonly<Record<string, string>>;
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** `auto`: `pretty` on a terminal, `json` elsewhere. */
export type LogFormat = 'auto' | 'json' | 'pretty';
