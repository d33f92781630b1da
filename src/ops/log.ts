import type { Writable } from 'node:stream';
import { type Logger, pino, stdTimeFunctions } from 'pino';
import type { LogLevel } from '../config/config.ts';
import type { Cause, ProxyEvent } from '../proxy/events.ts';

export type Log = Logger;

export interface LogSettings {
  level: LogLevel;
  version: string;
  /** POD_NAME and POD_NAMESPACE, from the downward API, are put on every line where they are set. */
  env: Readonly<Record<string, string | undefined>>;
  /** Where the lines go: standard output, one that does not block. */
  destination: Writable;
}

/** Characters of waiting lines from which on further ones are dropped. */
const WAITING_MAX = 1024 * 1024;

/**
 * A log that writes one JSON object a line. A reader that stands still never stops the process: lines beyond a cap are dropped,
 * and when the reader is back an error line says how many. A reader that is gone for good is put up with.
 */
export function createLog({ level, version, env, destination }: LogSettings): Log {
  const lines = boundedLines(destination, (dropped) =>
    log.error({ dropped }, 'log lines dropped: nobody read standard output'),
  );
  const { POD_NAME: pod, POD_NAMESPACE: namespace } = env;
  const log = pino(
    {
      level,
      base: { service: 'lazypirate', version, ...(pod && { pod }), ...(namespace && { namespace }) },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    lines,
  );
  return log;
}

/**
 * Why not pino's own asynchronous destination: it writes in a thread, a write to a full pipe blocks that thread, and Node
 * waits for its threads at exit, `process.exit` included: the process could not end until somebody killed it. A stream over a
 * pipe waits in the event loop instead, and needs only the bound.
 */
function boundedLines(
  destination: Writable,
  resumed: (dropped: number) => void,
): { write(line: string): void } {
  let state: { kind: 'flowing' } | { kind: 'dropping'; dropped: number } = { kind: 'flowing' };
  destination.on('drain', () => {
    if (state.kind === 'flowing') return;
    const { dropped } = state;
    state = { kind: 'flowing' };
    resumed(dropped);
  });
  // The reader is gone (EPIPE): there is nobody left to tell, and the traffic matters more.
  destination.on('error', () => undefined);
  return {
    write(line) {
      if (state.kind === 'dropping') {
        state.dropped++;
      } else if (destination.writableLength >= WAITING_MAX) {
        state = { kind: 'dropping', dropped: 1 };
      } else {
        destination.write(line);
      }
    },
  };
}

export interface EventLogSettings {
  /** Share of successful requests that get a line, 0 to 1. */
  sample: () => number;
  /** In [0, 1). */
  random: () => number;
  /** Milliseconds of a monotonic clock. */
  now: () => number;
}

/** Of one kind in one window: failures of a route with the same code, and changes of its endpoints (a rollout has many). */
const WINDOW_MS = 10_000;
const FAILURE_LINES = 10;
const ENDPOINT_LINES = 100;

/**
 * Makes log lines of those events that are worth one. Failures and changes of endpoints always are, up to so many in each
 * 10 s; one line then says how many there were beyond that. Never a payload, only sizes.
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
        return log.warn({ route, why: event.why }, 'new upstream not connected; the old one serves on');
      case 'upstreamSwitched':
        if (!event.isUsable)
          return log.warn({ route }, 'switched to the new upstream: the old one is not usable any more');
        return log[event.wasDelayed ? 'info' : 'debug']({ route }, 'switched to the new upstream');
      case 'reset':
        return log.debug({ route, endpoint: event.endpoint, reason: event.reason }, 'reset');
      case 'malformed':
        return limited(route, 'malformed', FAILURE_LINES, () =>
          log.warn({ route }, 'malformed message dropped'),
        );
      case 'refusedClient':
        return limited(route, 'refused client', FAILURE_LINES, () =>
          log.warn({ route, address: event.address, key: event.key ?? null }, 'client refused'),
        );
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
      case 'attempt':
      case 'retry':
      case 'retryDenied':
      case 'lateReply':
        return;
    }
  };
}

/** Once for the first set, and then what has changed: not each time that it is told. */
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

function logEndpoint(log: Log, event: Extract<ProxyEvent, { kind: 'endpoint' }>): void {
  const { route, endpoint, from, to, why } = event;
  log[to === 'down' || to === 'ejected' || to === from ? 'warn' : 'info'](
    { route, endpoint, from, why },
    `endpoint ${to}`,
  );
}

/** Whether it is a failure is told by what came of the request, not by whether the app was still there to take it. */
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

export type LineVerdict = { kind: 'pass' } | { kind: 'suppress'; isFirst: boolean; leftMs: number };

/** Lets the first lines of a kind through in each window and counts the others. Pure: the clock is the caller's. */
export class LineLimiter {
  readonly #windowMs: number;
  readonly #windows = new Map<string, { sinceMs: number; passed: number; suppressed: number }>();
  #sweptMs = Number.NEGATIVE_INFINITY;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /**
   * Whether a line may pass. Of those that may not, the first of a window says so: whoever gets it calls `end` after
   * `leftMs`. A window that has suppressed anything goes on until then, so that nothing stays untold.
   */
  take(key: string, most: number, nowMs: number): LineVerdict {
    const window = this.#windows.get(key);
    const leftMs = window === undefined ? 0 : window.sinceMs + this.#windowMs - nowMs;
    if (window === undefined || (leftMs <= 0 && window.suppressed === 0)) {
      this.#sweep(nowMs);
      this.#windows.set(key, { sinceMs: nowMs, passed: 1, suppressed: 0 });
      return { kind: 'pass' };
    }
    if (window.passed < most) {
      window.passed++;
      return { kind: 'pass' };
    }
    window.suppressed++;
    return { kind: 'suppress', isFirst: window.suppressed === 1, leftMs };
  }

  /** Ends the window; the next line opens a new one. Returns how many it has suppressed. */
  end(key: string): number {
    const suppressed = this.#windows.get(key)?.suppressed ?? 0;
    this.#windows.delete(key);
    return suppressed;
  }

  /** How many windows it keeps. */
  get size(): number {
    return this.#windows.size;
  }

  /** Forgets, once in a window's time, what is over and told: routes come and go. */
  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptMs < this.#windowMs) return;
    this.#sweptMs = nowMs;
    for (const [key, { sinceMs, suppressed }] of this.#windows)
      if (suppressed === 0 && sinceMs + this.#windowMs <= nowMs) this.#windows.delete(key);
  }
}
