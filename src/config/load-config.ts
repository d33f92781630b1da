import { ConfigError, messageOf } from '../errors.ts';
import type { FailureFormat } from '../proxy/failure.ts';
import type { CurveServer } from '../proxy/settings.ts';
import type { CurveClient } from '../transport/transport.ts';
import type { Config, RouteConfig, UpstreamConfig } from './config.ts';
import { type Parsed, schema } from './schema/config-schema.ts';
import { type ConfigFlags, OVERRIDES } from './text/flags.ts';
import { KeyFiles, type NoteProblem } from './text/key-files.ts';
import { firstOf, isNear, line, problemsOf } from './text/problems.ts';
import { readText } from './text/text-file.ts';
import { type Source, sourceOf } from './text/yaml.ts';

const ROUTES_MOST = 1_000;

export interface ConfigSources {
  env: Readonly<Record<string, string | undefined>>;
  flags: ConfigFlags;
  /** YAML in place of the file that `flags` or `env` names. */
  text?: string;
}

/**
 * Reads, checks and completes the configuration. Precedence: flag, environment, file, default.
 *
 * @throws {ConfigError} with every problem, one per line: `FILE:LINE:COLUMN: PATH: what is wrong`
 */
export function loadConfig(sources: ConfigSources): Config {
  const source = readSource(sources);
  if (source.value === null || source.value === undefined)
    throw new ConfigError([line(source, [], 'the file is empty')]);
  refuseMany(source);
  const problems = override(source, sources);
  if (isInPod(sources.env)) listenEverywhere(source);
  const result = schema.safeParse(source.value);
  if (!result.success) problems.push(...problemsOf(result.error.issues, source));
  if (problems.length > 0) throw new ConfigError([...new Set(problems)]);
  if (result.data === undefined) throw new ConfigError(['no configuration']);
  const config = complete(result.data, source);
  return { ...config, warnings: [...misspelt(sources.env), ...config.warnings] };
}

/** The file that is read, if there is one. */
export function fileOf({ env, flags }: ConfigSources): string | undefined {
  return flags.config ?? (env['LAZYPIRATE_CONFIG'] || undefined);
}

function readSource(sources: ConfigSources): Source {
  const { text } = sources;
  const file = fileOf(sources);
  if (text !== undefined) return sourceOf(text, file ?? 'config');
  if (file === undefined) {
    return {
      value: { routes: [{ name: 'default', listen: 'tcp://127.0.0.1:5555' }] },
      place: () => undefined,
    };
  }
  return sourceOf(textOf(file), file);
}

function textOf(file: string): string {
  try {
    return readText(file).text;
  } catch (error) {
    throw new ConfigError([`${file}: cannot be read: ${messageOf(error)}`], { cause: error });
  }
}

/** Refuses too many routes early: each would be checked, and compared with every other. */
function refuseMany(source: Source): void {
  const routes = isObject(source.value) ? source.value['routes'] : undefined;
  if (!Array.isArray(routes) || routes.length <= ROUTES_MOST) return;
  const words = `has ${routes.length} routes, but at most ${ROUTES_MOST} are allowed`;
  throw new ConfigError([line(source, ['routes'], words)]);
}

/** Overrides the file's values with flags and variables, and records those as the place of the values. */
function override(source: Source, sources: ConfigSources): string[] {
  const { env, flags, text } = sources;
  const problems: string[] = [];
  for (const { flag, variable, key, path } of OVERRIDES) {
    const given = flags[key] ?? (env[variable] || undefined);
    if (given === undefined) continue;
    const name = flags[key] === undefined ? variable : `--${flag}`;
    const routes = isObject(source.value) ? source.value['routes'] : undefined;
    if (path[0] === 'routes' && Array.isArray(routes) && routes.length > 1) {
      problems.push(
        `${name}: works only with a single route, but the file has ${routes.length}: set it in the file`,
      );
      continue;
    }
    set(source, path, overrideValue(key, given.trim()));
    const before = source.place;
    source.place = (at) => (path.every((part, index) => at[index] === part) ? name : before(at));
  }
  const hasFile = text !== undefined || fileOf(sources) !== undefined;
  if (!hasFile && flags.upstream === undefined && !env['LAZYPIRATE_UPSTREAM']) {
    throw new ConfigError([
      ...problems,
      'no upstream: name a file with --config or LAZYPIRATE_CONFIG, or addresses with --upstream or LAZYPIRATE_UPSTREAM',
      ...misspelt(env),
    ]);
  }
  return problems;
}

/** The downward API gives the first where it is asked to, Kubernetes the second to every container. */
function isInPod(env: ConfigSources['env']): boolean {
  return Boolean(env['POD_NAME'] || env['KUBERNETES_SERVICE_HOST']);
}

/** In a pod probes and Prometheus come from other machines; elsewhere nobody need reach the admin port but from this one. */
function listenEverywhere({ value }: Source): void {
  if (!isObject(value)) return;
  const { admin = {} } = value;
  if (!isObject(admin) || Array.isArray(admin)) return;
  admin['listen'] ??= '[::]:9555';
  value['admin'] = admin;
}

const VARIABLES = ['LAZYPIRATE_CONFIG', 'LAZYPIRATE_ZONE', ...OVERRIDES.map(({ variable }) => variable)];

/** Reports only likely misspellings: for a Service named lazypirate, Kubernetes sets LAZYPIRATE_PORT and more. */
function misspelt(env: ConfigSources['env']): string[] {
  return Object.keys(env).flatMap((name) => {
    const meant = VARIABLES.includes(name) ? undefined : VARIABLES.find((known) => isNear(known, name));
    return meant === undefined ? [] : [`${name} is not a known variable; did you mean ${meant}?`];
  });
}

function overrideValue(key: keyof ConfigFlags, given: string): unknown {
  if (key === 'attempts') return /^\d+$/.test(given) ? Number(given) : given;
  if (key !== 'upstream') return given;
  const [, service, port = ''] = /^service\/([^:]*):?(.*)$/.exec(given) ?? [];
  if (service !== undefined) {
    return { kubernetes: { service, port: /^\d+$/.test(port) ? Number(port) : port } };
  }
  return { endpoints: given.split(',').map((one) => one.trim()) };
}

/** Sets a value and creates missing objects above it. If one of those has another type, the schema will refuse it. */
function set(source: Source, path: readonly (string | number)[], value: unknown): void {
  let at = source.value;
  path.slice(0, -1).forEach((part, index) => {
    if (!isObject(at)) return;
    at[part] ??= typeof path[index + 1] === 'number' ? [] : {};
    at = at[part];
  });
  const last = path.at(-1);
  if (isObject(at) && last !== undefined) at[last] = value;
}

function isObject(value: unknown): value is Record<string | number, unknown> {
  return typeof value === 'object' && value !== null;
}

/** @throws {ConfigError} if a key file is missing or invalid */
function complete({ admin, log, drain, routes }: Parsed, source: Source): Config {
  const problems: string[] = [];
  const keyFiles = new KeyFiles();
  const completed = routes.map((route, index) => {
    const curve = keysOf(route, index, 'curve', (files, note) => keyFiles.client(files, note));
    const listenCurve = keysOf(route, index, 'listenCurve', (files, note) => keyFiles.server(files, note));
    return completeRoute(route, curve, listenCurve);
  });
  if (problems.length > 0) throw new ConfigError(firstOf(problems, source));
  return {
    admin: { ...admin.listen, readiness: admin.readiness },
    log,
    drain: { timeoutMs: drain.timeout, quietMs: drain.quiet },
    routes: completed,
    warnings: [
      ...keyFiles.warnings,
      ...routes.flatMap((route, index) => shortDeadline(route, index, source)),
    ],
  };

  function keysOf<K extends 'curve' | 'listenCurve', T>(
    route: Parsed['routes'][number],
    index: number,
    key: K,
    read: (files: NonNullable<Parsed['routes'][number][K]>, problem: NoteProblem) => T,
  ): T | undefined {
    const files = route[key];
    if (files === undefined) return undefined;
    return read(files, (name, words) => problems.push(line(source, ['routes', index, key, name], words)));
  }
}

/** Warns about a configured deadline that leaves no time for retries. */
function shortDeadline(route: Parsed['routes'][number], index: number, source: Source): string[] {
  const { deadline, timeout, attempts, hedge, retryOn } = route;
  const retries = attempts > 1 && hedge === 'off' && retryOn.includes('timeout');
  if (deadline === undefined || deadline >= timeout || !retries) return [];
  const words = `the deadline of ${deadline} ms is shorter than the timeout of ${timeout} ms, so a request that times out is never retried`;
  return [line(source, ['routes', index, 'deadline'], words)];
}

function completeRoute(
  route: Parsed['routes'][number],
  curve: CurveClient | undefined,
  listenCurve: CurveServer | undefined,
): RouteConfig {
  const { name, listen, listenMode, correlate, timeout, attempts, retryOn, salvage } = route;
  const { backoff, connection, heartbeat, limits, ejection } = route;
  const deadlineMs = route.deadline ?? attempts * timeout + longestBackoffs(attempts, backoff);
  const isEncrypted = curve !== undefined || listenCurve !== undefined;
  return {
    name,
    transport: route.transport ?? (isEncrypted ? 'libzmq' : 'zmtp'),
    listener: {
      listen,
      mode: listenMode === undefined ? undefined : Number.parseInt(listenMode, 8),
      curve: listenCurve,
    },
    connection: {
      correlate,
      heartbeat:
        typeof heartbeat === 'string'
          ? heartbeat
          : { intervalMs: heartbeat.interval, timeoutMs: heartbeat.timeout },
      curve,
      connectTimeoutMs: connection.connectTimeout,
      handshakeTimeoutMs: connection.handshakeTimeout,
    },
    retry: {
      timeoutMs: timeout,
      attempts,
      hedgeMs: route.hedge === 'off' ? undefined : route.hedge,
      deadlineMs,
      waitMs: route.wait ?? deadlineMs,
      retryOn,
      salvage,
      backoff: { baseMs: backoff.base, maxMs: backoff.max },
    },
    budget: route.budget,
    limits: { ...limits, inFlightPerEndpoint: perEndpoint(limits.inFlightPerEndpoint) },
    failureReply: failureFormat(route.failureReply),
    subset: route.upstream.subset,
    ejection: {
      failures: ejection.failures,
      baseMs: ejection.base,
      maxMs: ejection.max,
      maxFraction: ejection.maxFraction,
    },
    upstream: completeUpstream(route.upstream),
  };
}

/** A given limit counts with and without correlation. */
function perEndpoint(given: number | undefined): { plain: number; correlated: number } {
  return given === undefined ? { plain: 8, correlated: 64 } : { plain: given, correlated: given };
}

/** The schema guarantees exactly one source. */
function completeUpstream({
  endpoints = [],
  kubernetes,
  dns,
}: Parsed['routes'][number]['upstream']): UpstreamConfig {
  if (dns !== undefined) return { kind: 'dns', name: dns.name, port: dns.port, intervalMs: dns.interval };
  if (kubernetes === undefined) return { kind: 'static', endpoints };
  const { service, podSelector = '', namespace, port } = kubernetes;
  const select =
    service === undefined
      ? ({ kind: 'pods', selector: podSelector } as const)
      : ({ kind: 'service', name: service } as const);
  return { kind: 'kubernetes', select, namespace, port };
}

function longestBackoffs(attempts: number, { base, max }: { base: number; max: number }): number {
  return Array.from({ length: attempts - 1 }, (_, retry) => Math.min(max, base * 2 ** retry)).reduce(
    (sum, ms) => sum + ms,
    0,
  );
}

function failureFormat(given: Parsed['routes'][number]['failureReply']): FailureFormat {
  if (given.format !== 'static') return given;
  const { text, base64 } = given;
  return {
    format: 'static',
    body: text === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text),
  };
}
