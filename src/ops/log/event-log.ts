import type { Events, ObservedEndpoint, ObservedRequest, ProxyEvents } from '../../proxy/events.ts';
import type { Cause } from '../../proxy/outcome.ts';
import { microseconds, triedOf, waitedMs } from '../../proxy/tried.ts';
import { LineLimiter } from './line-limiter.ts';
import type { Log } from './log.ts';

export interface EventLogSettings {
  /** Share of successful requests that are logged, 0 to 1. */
  sample: () => number;
  /** From when on a request is slow; `undefined`: none is. */
  slowMs: () => number | undefined;
  /** In [0, 1). */
  random: () => number;
  /** Milliseconds of a monotonic clock. */
  now: () => number;
}

/** The most lines per window: for failures of a route with the same code, and for changes of its endpoints (a rollout has many). */
const WINDOW_MS = 10_000;
const FAILURE_LINES = 10;
const ENDPOINT_LINES = 100;

/**
 * Logs the events that are worth a line. Failures and changes of endpoints always are, up to a limit for every 10 s; after that,
 * one line says how many were suppressed. It never logs payloads, only sizes.
 */
export function logEvents(log: Log, events: Events, { sample, slowMs, random, now }: EventLogSettings): void {
  const limiter = new LineLimiter(WINDOW_MS);
  const limited = (route: string, what: string, most: number, write: () => void) => {
    const key = `${route} ${what}`;
    const verdict = limiter.take(key, most, now());
    if (verdict.kind === 'pass') return write();
    if (!verdict.isFirst) return;
    setTimeout(() => {
      log.warn({ route, of: what, suppressed: limiter.end(key) }, 'log lines suppressed');
    }, verdict.leftMs).unref();
  };

  events.on('listening', ({ route, address }) => log.info({ route, address }, 'listening'));
  events.on('endpoint', (event) =>
    // A rollout of many must not hide one that fails.
    limited(event.route, isFailing(event) ? 'endpoint failures' : 'endpoint changes', ENDPOINT_LINES, () =>
      logEndpoint(log, event),
    ),
  );
  events.on('discovered', (event) => logDiscovered(log, event));
  events.on('discoveryFailed', ({ route, reason, message, isFirst, isNew }) => {
    const words = isFirst ? 'discovery failed' : 'discovery lost';
    log[isNew ? 'warn' : 'debug']({ route, reason, why: message }, words);
  });
  events.on('upstreamDelayed', ({ route, why }) =>
    log.warn({ route, why }, 'new upstream not connected; still using the old one'),
  );
  events.on('upstreamSwitched', ({ route, isUsable, wasDelayed }) => {
    if (!isUsable) log.warn({ route }, 'switched to the new upstream: the old one is no longer usable');
    else log[wasDelayed ? 'info' : 'debug']({ route }, 'switched to the new upstream');
  });
  events.on('reset', ({ route, endpoint, reason }) =>
    log.debug({ route, ...namesOf(endpoint), reason }, 'reset'),
  );
  events.on('malformed', ({ route, address }) =>
    limited(route, 'malformed', FAILURE_LINES, () =>
      log.warn({ route, address }, 'malformed message dropped'),
    ),
  );
  events.on('refusedClient', (event) =>
    limited(event.route, 'refused client', FAILURE_LINES, () => logRefused(log, event)),
  );
  events.on('droppedClient', ({ route, address }) =>
    limited(route, 'dropped client', FAILURE_LINES, () =>
      log.warn({ route, address }, 'client dropped: it does not read its replies'),
    ),
  );
  events.on('notEchoed', ({ route, endpoint }) => {
    const words = 'this server says REP but does not echo envelopes; it gets one attempt at a time';
    log.warn({ route, ...namesOf(endpoint) }, words);
  });
  events.on('internalError', ({ route, error }) =>
    limited(route, 'internal error', FAILURE_LINES, () => log.error({ route, err: error }, 'internal error')),
  );
  events.on('settled', (request) => {
    const { route, outcome, cause, elapsedMs } = request;
    if (outcome === 'ok') {
      if (elapsedMs >= (slowMs() ?? Number.POSITIVE_INFINITY))
        limited(route, 'slow', FAILURE_LINES, () => log.info(lineOf(request), 'slow'));
      else if (random() < sample()) log.info(lineOf(request), 'answered');
      else if (request.attempts.length > 1 && log.isLevelEnabled('debug'))
        log.debug(lineOf(request), 'answered after a retry');
      return;
    }
    const what = outcome === 'client_gone' ? `client_gone (${cause})` : `${outcome}`;
    limited(route, what, FAILURE_LINES, () => logFailed(log, request));
  });
}

/** Logs the first set and later changes, not every confirmation. */
function logDiscovered(
  log: Log,
  { route, endpoints, isFirst, wasLost, why, wasWhy }: ProxyEvents['discovered'],
): void {
  if (wasLost) log.info({ route, endpoints }, 'discovery regained');
  if (why !== undefined && why !== wasWhy) {
    const words = endpoints === 0 ? 'discovery found no endpoints' : 'discovery is incomplete';
    return log.warn({ route, endpoints, why }, words);
  }
  if (isFirst) log.info({ route, endpoints }, 'discovery succeeded');
  else if (why !== wasWhy) log.info({ route, endpoints }, 'discovery recovered');
}

function logRefused(log: Log, event: ProxyEvents['refusedClient']): void {
  const { route, kind, why, address = null, key = null } = event;
  log.warn({ route, trouble: kind, why, address, key }, 'client refused');
}

/** What is said of an endpoint. Not `pod`: on every line, that is the pod of this sidecar. */
function namesOf(endpoint: ObservedEndpoint | undefined) {
  return { endpoint: endpoint?.address, endpointPod: endpoint?.pod, endpointNode: endpoint?.node };
}

function isFailing({ from, to }: ProxyEvents['endpoint']): boolean {
  return to === 'down' || to === 'ejected' || to === from;
}

function logEndpoint(log: Log, event: ProxyEvents['endpoint']): void {
  const { route, endpoint, from, to, why, trouble } = event;
  const level = isFailing(event) ? 'warn' : 'info';
  log[level]({ route, ...namesOf(endpoint), from, trouble, why }, `endpoint ${to}`);
}

/** The level depends on the outcome of the request, not on whether the app was still there to receive it. */
function logFailed(log: Log, request: ObservedRequest): void {
  const { outcome, cause = 'internal' } = request;
  const isGone = outcome === 'client_gone';
  const word = cause === 'ok' ? 'answered' : 'gave up';
  const line = { ...lineOf(request), ...(isGone && { cause }) };
  log[SETTLED_LEVELS[cause]](line, isGone ? `${word}, but the app had left` : word);
}

function lineOf(request: ObservedRequest) {
  const { route, outcome, cause, failure, attempts, executed, bytes, replyBytes, elapsedMs } = request;
  return {
    route,
    requestId: request.id,
    from: request.from,
    outcome,
    why: cause === 'ok' ? undefined : failure?.message,
    attempts: attempts.length,
    ...namesOf(attempts.at(-1)?.endpoint),
    executed,
    requestBytes: bytes,
    replyBytes,
    waitedMs: waitedMs(request),
    elapsedMs: microseconds(elapsedMs),
    tried: triedOf(request),
  };
}

const SETTLED_LEVELS: Record<Cause, 'info' | 'warn' | 'error'> = {
  ok: 'info',
  no_endpoints: 'warn',
  timeout: 'warn',
  lost: 'warn',
  overloaded: 'warn',
  too_large: 'warn',
  reply_too_large: 'warn',
  draining: 'warn',
  internal: 'error',
};
