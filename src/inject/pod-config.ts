import { parseConfig } from '../config/load-config.ts';
import type { Parsed } from '../config/schema/config-schema.ts';
import { upstreamOf } from '../config/text/overrides.ts';
import { type Path, parseYaml, type WrittenConfig } from '../config/text/yaml.ts';
import { formatDuration } from '../duration.ts';
import { ConfigError } from '../errors.ts';
import { upstreamProblem } from './upstream-words.ts';
import type { Wishes } from './wishes.ts';

/** What of a configuration shows in the pod and in the objects beside it. */
export interface PodConfig {
  /** The name of the ConfigMap that holds it. */
  configMap: string;
  /** What that ConfigMap is to hold; `undefined` if somebody else makes it. */
  made: Record<string, unknown> | undefined;
  /** `undefined` if it cannot be seen here. */
  parsed: Parsed | undefined;
  adminPort: number;
  discovers: boolean;
  /** Whether a route listens in the directory for sockets, or has an endpoint there. */
  hasSocket: boolean;
}

/** As in a pod. What is given here takes the place of a file. */
const SOURCES = { env: { POD_NAME: 'pod' }, flags: {}, text: '' };
const ADMIN_PORT = 9555;
const LISTEN = 'tcp://127.0.0.1:5555';
const SOCKETS = 'ipc:///run/lazypirate/';
/** So much longer than the drain must the grace period be. */
export const GRACE_OVER_DRAIN_MS = 1_000;
const DRAIN_MS = 25_000;

/**
 * The configuration for one route.
 *
 * @throws {ConfigError} with a line for each problem, which begins with the annotation or flag
 */
export function configFromWishes(configMap: string, wishes: Wishes, graceMs: number): PodConfig {
  const asked = (wishes.upstream?.value ?? '').trim();
  const problem = upstreamProblem(asked);
  if (problem !== undefined) throw new ConfigError([`${wishes.upstream?.from}: ${problem}`]);
  const upstream = upstreamOf(asked);
  const listen = wishes.listen?.value ?? LISTEN;
  const { service } = (upstream['kubernetes'] ?? {}) as { service?: string };
  const route = {
    name: wishes.route?.value ?? service ?? 'upstream',
    listen,
    // Only containers that mount the directory can reach the socket, and each of them may run as another user.
    ...(listen.startsWith(SOCKETS) && { listenMode: '777' }),
    upstream,
  };
  const drainMs = graceMs - GRACE_OVER_DRAIN_MS;
  const drain = drainMs < DRAIN_MS && drainMs > 0 ? { drain: { timeout: formatDuration(drainMs) } } : {};
  const made = { routes: [route], ...drain };
  const place = (path: Path) => {
    const key = path[2] === 'name' ? 'route' : path[2] === 'listen' ? 'listen' : 'upstream';
    return (wishes[key] ?? wishes.upstream)?.from;
  };
  const parsed = parseConfig({ value: structuredClone(made), place }, SOURCES);
  return { made, ...seenIn(configMap, parsed) };
}

/**
 * The configuration in a ConfigMap that somebody has written.
 *
 * @throws {ConfigError} with a line for each problem, `config.yaml:LINE:COLUMN: PATH: words`
 */
export function configFromText(configMap: string, text: string): PodConfig {
  const written: WrittenConfig = parseYaml(text, 'config.yaml');
  return { made: undefined, ...seenIn(configMap, parseConfig(written, SOURCES)) };
}

/** Of a ConfigMap that cannot be seen here. */
export function configUnseen(configMap: string, discovers: boolean): PodConfig {
  return {
    configMap,
    made: undefined,
    parsed: undefined,
    adminPort: ADMIN_PORT,
    discovers,
    hasSocket: false,
  };
}

function seenIn(configMap: string, parsed: Parsed): Omit<PodConfig, 'made'> {
  return {
    configMap,
    parsed,
    adminPort: parsed.admin.listen.port,
    discovers: parsed.routes.some(({ upstream }) => upstream.kubernetes !== undefined),
    hasSocket: parsed.routes.some(({ listen, upstream: { endpoints = [] } }) =>
      [listen, ...endpoints].some((one) => one.startsWith(SOCKETS)),
    ),
  };
}
