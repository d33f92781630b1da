import type { DiscoverySettings } from '../discovery/discovery-settings.ts';
import { formatDuration } from '../duration.ts';
import { ConfigError } from '../errors.ts';
import type {
  ConnectionSettings,
  EndpointSettings,
  FailureFormat,
  ListenerSettings,
  RequestSettings,
  RouteSettings,
  TraceFrame,
} from '../proxy/settings.ts';
import type { CurveClient } from '../transport/transport.ts';
import { completeTracing } from './complete-tracing.ts';
import type { Config } from './config.ts';
import type { Parsed } from './schema/config-schema.ts';
import { DAY } from './schema/value-schemas.ts';
import type { ConfigSources } from './text/flags.ts';
import { KeyFiles, type NoteProblem, type ServerKeys } from './text/key-files.ts';
import { firstProblems, problemLine } from './text/problems.ts';
import type { WrittenConfig } from './text/yaml.ts';

type ParsedRoute = Parsed['routes'][number];

/**
 * Reads the key files, and fills in the defaults that depend on other keys.
 *
 * @throws {ConfigError} if a key file is missing or invalid
 */
export function completeConfig(
  { admin, log, metrics, drain, tracing, routes }: Parsed,
  written: WrittenConfig,
  env: ConfigSources['env'],
): Omit<Config, 'shown'> {
  const problems: string[] = [];
  const keyFiles = new KeyFiles();
  const traceFrame = completeTraceFrame(tracing);
  const completed = routes.map((route, index) => {
    const curve = keysOf(route, index, 'curve', (files, note) => keyFiles.client(files, note));
    const listenCurve = keysOf(route, index, 'listenCurve', (files, note) => keyFiles.server(files, note));
    return completeRoute(route, curve, listenCurve, traceFrame);
  });
  const traced = completeTracing(tracing, env, (key, words) =>
    problems.push(problemLine(written, ['tracing', key], words)),
  );
  if (problems.length > 0) throw new ConfigError(firstProblems(problems, written));
  return {
    admin: {
      listen: admin.listen,
      inspect: admin.inspect === 'off' ? undefined : admin.inspect,
      tapBodies: admin.tapBodies,
      readiness: admin.readiness,
      debugDirectory: admin.debugDirectory,
    },
    log: completeLog(log),
    metrics,
    drain: { timeoutMs: drain.timeout, quietMs: drain.quiet },
    tracing: traced.tracing,
    routes: completed,
    warnings: [
      ...keyFiles.warnings,
      ...traced.warnings,
      ...routes.flatMap((route, index) => shortDeadline(route, index, written)),
    ],
  };

  function keysOf<K extends 'curve' | 'listenCurve', T>(
    route: ParsedRoute,
    index: number,
    key: K,
    read: (files: NonNullable<ParsedRoute[K]>, problem: NoteProblem) => T,
  ): T | undefined {
    const files = route[key];
    if (files === undefined) return undefined;
    return read(files, (name, words) =>
      problems.push(problemLine(written, ['routes', index, key, name], words)),
    );
  }
}

/** Applies without an endpoint too: whether spans are sent or not, upstreams must get the same frames. */
function completeTraceFrame(tracing: Parsed['tracing']): TraceFrame | undefined {
  if (tracing?.parentFrame === undefined) return undefined;
  return { index: tracing.parentFrame, isStripped: tracing.stripParent };
}

/** Warns about a configured deadline that leaves no time for retries. */
function shortDeadline(route: ParsedRoute, index: number, written: WrittenConfig): string[] {
  const { deadline, timeout, attempts, hedge, retryOn } = route;
  const retries = attempts > 1 && hedge === 'off' && retryOn.includes('timeout');
  if (deadline === undefined || deadline >= timeout || !retries) return [];
  const words = `the deadline of ${formatDuration(deadline)} is shorter than the timeout of ${formatDuration(timeout)}, so a request that times out is never retried`;
  return [problemLine(written, ['routes', index, 'deadline'], words)];
}

function completeRoute(
  route: ParsedRoute,
  curve: CurveClient | undefined,
  keys: ServerKeys | undefined,
  traceFrame: TraceFrame | undefined,
): RouteSettings {
  const isEncrypted = curve !== undefined || keys !== undefined;
  return {
    name: route.name,
    transport: route.transport ?? (isEncrypted ? 'libzmq' : 'zmtp'),
    listener: listenerOf(route, keys),
    upstream: { discovery: discoveryOf(route.upstream), connection: connectionOf(route, curve) },
    endpoints: endpointsOf(route),
    requests: { ...requestsOf(route), ...(traceFrame && { traceFrame }) },
  };
}

function listenerOf(
  { listen, listenMode, limits }: ParsedRoute,
  { secretKey, allowedKeys }: Partial<ServerKeys> = {},
): ListenerSettings {
  const { connections, messageBytes, queueBytes } = limits;
  const mode = listenMode === undefined ? undefined : Number.parseInt(listenMode, 8);
  return {
    listen,
    mode,
    secretKey,
    allowedKeys: allowedKeys ?? [],
    connections,
    messageBytes,
    unreadBytes: queueBytes,
  };
}

function connectionOf(
  { correlate, heartbeat, connection }: ParsedRoute,
  curve: CurveClient | undefined,
): ConnectionSettings {
  return {
    correlate,
    heartbeat:
      typeof heartbeat === 'string'
        ? heartbeat
        : { intervalMs: heartbeat.interval, timeoutMs: heartbeat.timeout },
    curve,
    connectTimeoutMs: connection.connectTimeout,
    handshakeTimeoutMs: connection.handshakeTimeout,
  };
}

function endpointsOf({ upstream, ejection, limits, timeout }: ParsedRoute): EndpointSettings {
  const { failures, base, max, maxFraction } = ejection;
  return {
    subset: upstream.subset,
    ejection: { failures, baseMs: base, maxMs: max, maxFraction },
    inFlight: perEndpoint(limits.inFlightPerEndpoint),
    adaptive: limits.adaptive,
    timeoutMs: timeout,
    messageBytes: limits.messageBytes,
  };
}

function requestsOf(route: ParsedRoute): RequestSettings {
  const { timeout, attempts, hedge, retryOn, salvage, backoff, budget } = route;
  const { inFlight, inFlightBytes, queue, queueBytes, inFlightPerClient } = route.limits;
  const deadlineMs = route.deadline ?? Math.min(DAY, attempts * timeout + longestBackoffs(attempts, backoff));
  return {
    retry: {
      timeoutMs: timeout,
      attempts,
      hedgeMs: hedge === 'off' ? undefined : hedge,
      deadlineMs,
      waitMs: route.wait ?? deadlineMs,
      retryOn,
      salvage,
      backoff: { baseMs: backoff.base, maxMs: backoff.max },
    },
    budget,
    limits: { inFlight, inFlightBytes, queue, queueBytes },
    inFlightPerClient,
    failureReply: failureFormat(route.failureReply),
  };
}

/** A given limit counts with and without correlation. */
function perEndpoint(given: number | undefined): { plain: number; correlated: number } {
  return given === undefined ? { plain: 8, correlated: 64 } : { plain: given, correlated: given };
}

/** The schema guarantees exactly one of the three. */
function discoveryOf({ endpoints = [], kubernetes, dns }: ParsedRoute['upstream']): DiscoverySettings {
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

function failureFormat(given: ParsedRoute['failureReply']): FailureFormat {
  if (given.format !== 'static') return given;
  const { text, base64 } = given;
  return {
    format: 'static',
    body: text === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text),
  };
}

function completeLog({ slow, ...log }: Parsed['log']): Config['log'] {
  return { ...log, slowMs: slow === 'off' ? undefined : slow };
}
