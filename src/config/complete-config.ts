import { ConfigError } from '../errors.ts';
import type { CurveServer, FailureFormat } from '../proxy/settings.ts';
import type { CurveClient } from '../transport/transport.ts';
import type { Config, RouteConfig, UpstreamConfig } from './config.ts';
import type { Parsed } from './schema/config-schema.ts';
import { KeyFiles, type NoteProblem } from './text/key-files.ts';
import { firstProblems, problemLine } from './text/problems.ts';
import type { WrittenConfig } from './text/yaml.ts';

/**
 * Reads the key files, and fills in the defaults that depend on other keys.
 *
 * @throws {ConfigError} if a key file is missing or invalid
 */
export function completeConfig({ admin, log, drain, routes }: Parsed, written: WrittenConfig): Config {
  const problems: string[] = [];
  const keyFiles = new KeyFiles();
  const completed = routes.map((route, index) => {
    const curve = keysOf(route, index, 'curve', (files, note) => keyFiles.client(files, note));
    const listenCurve = keysOf(route, index, 'listenCurve', (files, note) => keyFiles.server(files, note));
    return completeRoute(route, curve, listenCurve);
  });
  if (problems.length > 0) throw new ConfigError(firstProblems(problems, written));
  return {
    admin: {
      listen: admin.listen,
      inspect: admin.inspect === 'off' ? undefined : admin.inspect,
      readiness: admin.readiness,
    },
    log,
    drain: { timeoutMs: drain.timeout, quietMs: drain.quiet },
    routes: completed,
    warnings: [
      ...keyFiles.warnings,
      ...routes.flatMap((route, index) => shortDeadline(route, index, written)),
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
    return read(files, (name, words) =>
      problems.push(problemLine(written, ['routes', index, key, name], words)),
    );
  }
}

/** Warns about a configured deadline that leaves no time for retries. */
function shortDeadline(route: Parsed['routes'][number], index: number, written: WrittenConfig): string[] {
  const { deadline, timeout, attempts, hedge, retryOn } = route;
  const retries = attempts > 1 && hedge === 'off' && retryOn.includes('timeout');
  if (deadline === undefined || deadline >= timeout || !retries) return [];
  const words = `the deadline of ${deadline} ms is shorter than the timeout of ${timeout} ms, so a request that times out is never retried`;
  return [problemLine(written, ['routes', index, 'deadline'], words)];
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

/** The schema guarantees exactly one of the three. */
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
