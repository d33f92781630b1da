import type { DnsSettings, KubernetesSettings } from '../discovery/settings.ts';
import type { RouteSettings } from '../proxy/settings.ts';

/** A configuration that has been read, checked and completed: every default is filled in, durations are ms, sizes bytes. */
export interface Config {
  /** Port 0 picks one. */
  admin: { host: string; port: number; readiness: 'listening' | 'upstream' };
  log: { level: LogLevel; sample: number };
  drain: { timeoutMs: number; quietMs: number };
  routes: RouteConfig[];
  /** What is no error, and should not stay so. */
  warnings: readonly string[];
}

export interface RouteConfig extends RouteSettings {
  upstream: UpstreamConfig;
}

/** Where a route's endpoints come from. */
export type UpstreamConfig =
  | { kind: 'static'; endpoints: string[] }
  | ({ kind: 'kubernetes' } & KubernetesSettings)
  | ({ kind: 'dns' } & DnsSettings);

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
