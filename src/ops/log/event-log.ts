import type { Cause, ProxyEvent } from '../../proxy/events.ts';
import { LineLimiter } from './line-limiter.ts';
import type { Log } from './log.ts';

export interface EventLogSettings {
  /** Share of successful requests that are logged, 0 to 1. */
  sample: () => number;
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
export function logEvents(log: Log, { sample, random, now }: EventLogSettings): (event: ProxyEvent) => void {
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

  return (event) => {
    const { route } = event;
    switch (event.kind) {
      case 'listening':
        return log.info({ route, address: event.address }, 'listening');
      case 'endpoint':
        return limited(route, 'endpoint', ENDPOINT_LINES, () => logEndpoint(log, event));
      case 'discovered':
        return logDiscovered(log, event);
      case 'discoveryFailed': {
        const { reason, message, isFirst, isNew } = event;
        const words = isFirst ? 'discovery failed' : 'discovery lost';
        return log[isNew ? 'warn' : 'debug']({ route, reason, why: message }, words);
      }
      case 'upstreamDelayed':
        return log.warn({ route, why: event.why }, 'new upstream not connected; still using the old one');
      case 'upstreamSwitched':
        if (!event.isUsable)
          return log.warn({ route }, 'switched to the new upstream: the old one is no longer usable');
        return log[event.wasDelayed ? 'info' : 'debug']({ route }, 'switched to the new upstream');
      case 'reset':
        return log.debug({ route, endpoint: event.endpoint, reason: event.reason }, 'reset');
      case 'malformed':
        return limited(route, 'malformed', FAILURE_LINES, () =>
          log.warn({ route }, 'malformed message dropped'),
        );
      case 'refusedClient':
        return limited(route, 'refused client', FAILURE_LINES, () => logRefused(log, event));
      case 'droppedClient':
        return limited(route, 'dropped client', FAILURE_LINES, () =>
          log.warn({ route }, 'client dropped: it does not read its replies'),
        );
      case 'notEchoed': {
        const words = 'this server says REP but does not echo envelopes; it gets one attempt at a time';
        return log.warn({ route, endpoint: event.endpoint }, words);
      }
      case 'internalError':
        return limited(route, 'internal error', FAILURE_LINES, () =>
          log.error({ route, err: event.error }, 'internal error'),
        );
      case 'settled': {
        const { outcome, cause } = event;
        const what = outcome === 'client_gone' ? `${outcome} (${cause})` : outcome;
        if (outcome !== 'ok') return limited(route, what, FAILURE_LINES, () => logSettled(log, event));
        return random() < sample() ? logSettled(log, event) : undefined;
      }
      case 'received':
      case 'renamed':
      case 'attempt':
      case 'retry':
      case 'retryDenied':
      case 'lateReply':
        return;
    }
  };
}

/** Logs the first set and later changes, not every confirmation. */
function logDiscovered(
  log: Log,
  { route, endpoints, isFirst, wasLost, why, wasWhy }: Extract<ProxyEvent, { kind: 'discovered' }>,
): void {
  if (wasLost) log.info({ route, endpoints }, 'discovery regained');
  if (why !== undefined && why !== wasWhy) {
    const words = endpoints === 0 ? 'discovery found no endpoints' : 'discovery is incomplete';
    return log.warn({ route, endpoints, why }, words);
  }
  if (isFirst) log.info({ route, endpoints }, 'discovery succeeded');
  else if (why !== wasWhy) log.info({ route, endpoints }, 'discovery recovered');
}

function logRefused(log: Log, event: Extract<ProxyEvent, { kind: 'refusedClient' }>): void {
  const { route, why, address = null, key = null } = event;
  log.warn({ route, why, address, key }, 'client refused');
}

function logEndpoint(log: Log, event: Extract<ProxyEvent, { kind: 'endpoint' }>): void {
  const { route, endpoint, from, to, why } = event;
  log[to === 'down' || to === 'ejected' || to === from ? 'warn' : 'info'](
    { route, endpoint, from, why },
    `endpoint ${to}`,
  );
}

/** The level depends on the outcome of the request, not on whether the app was still there to receive it. */
function logSettled(log: Log, event: Extract<ProxyEvent, { kind: 'settled' }>): void {
  const { route, outcome, cause, request } = event;
  const { elapsedMs, ...rest } = request;
  const isGone = outcome === 'client_gone';
  const line = {
    route,
    outcome,
    ...(isGone && { cause }),
    ...rest,
    elapsedMs: Math.round(elapsedMs * 1_000) / 1_000,
  };
  const word = cause === 'ok' ? 'answered' : 'gave up';
  log[SETTLED_LEVELS[cause]](line, isGone ? `${word}, but the app had left` : word);
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
