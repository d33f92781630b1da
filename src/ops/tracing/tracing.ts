import type { LookupFunction } from 'node:net';
import type { TracingConfig } from '../../config/config.ts';
import { messageOf } from '../../errors.ts';
import type { Events, ObservedRequest } from '../../proxy/events.ts';
import type { Log } from '../log/log.ts';
import { type Answer, Post } from './post.ts';
import { type SendResult, type SpanCounts, SpanQueue } from './span-queue.ts';
import type { TracedDuration } from './spans.ts';

interface TracingContext {
  events: Events;
  log: Log;
  counts: SpanCounts;
  /** Told of each span that the collector has taken and whose duration was counted: from now on its trace can be found. */
  exported(traced: TracedDuration): void;
  /** Requests that take longer are traced in any case; `undefined`: there are none. */
  slowMs(): number | undefined;
  /** A lookup of host names that ends with the signal. */
  lookup(signal: AbortSignal): LookupFunction;
  version: string;
  /** Attributes of the resource that the configuration may override. */
  resource: Readonly<Record<string, string>>;
}

/** What stops the export of a configuration. */
interface Exporting {
  /** From now on no more spans are made. */
  leave(): void;
  close(withinMs: number): Promise<void>;
}

/** Answers that mean: try again (OTLP 1.5, "Retryable Response Codes"). */
const BUSY = new Set([429, 502, 503, 504]);
/** How long the spans of a configuration that is replaced may take to go out. */
const REPLACED_MS = 1_000;

/**
 * Sends spans of requests to a collector. Whether a request is traced is decided when it is settled, and nothing is done before.
 * Without a configuration it does nothing at all, and none of its packages is loaded.
 */
export class Tracing {
  readonly #context: TracingContext;
  readonly #closing = new Set<Promise<void>>();
  #exporting: Exporting | undefined;

  constructor(context: TracingContext) {
    this.#context = context;
  }

  /** Puts a configuration in place of another one. Never rejects: without spans the sidecar works as well. */
  async apply(config: TracingConfig | undefined): Promise<void> {
    try {
      const next = config && (await startExport(config, this.#context));
      const before = this.#exporting;
      this.#exporting = next;
      before?.leave();
      if (before !== undefined && next === undefined) this.#context.log.info('tracing is off');
      const closed = before?.close(REPLACED_MS);
      if (closed === undefined) return;
      this.#closing.add(closed);
      void closed.finally(() => this.#closing.delete(closed));
    } catch (error) {
      this.#context.log.error({ err: error }, 'tracing cannot be started');
    }
  }

  /** Sends what waits; no longer than this. */
  async close(withinMs: number): Promise<void> {
    this.#exporting?.leave();
    await Promise.all([this.#exporting?.close(withinMs), ...this.#closing]);
    this.#exporting = undefined;
  }
}

async function startExport(config: TracingConfig, context: TracingContext): Promise<Exporting> {
  const { events, log, counts, exported, version } = context;
  const { ATTEMPTS_MOST, CONTENT_TYPE, Spans, encode, rejectedIn, tracedIn } = await import('./spans.ts');
  const ended = new AbortController();
  const post = await Post.to({ ...config, lookup: context.lookup(ended.signal) });
  const resource = { ...context.resource, ...config.resource };
  const spans = new Spans({ ...config, resource, version });
  const queue = new SpanQueue<ReturnType<typeof spans.of>[number]>({
    counts,
    log,
    async send(batch, signal): Promise<SendResult> {
      let answer: Answer;
      try {
        answer = await post.send(encode(batch), CONTENT_TYPE, signal);
      } catch (error) {
        return { kind: 'failed', why: messageOf(error), isLasting: true };
      }
      if (answer.kind === 'failed') return { ...answer, isLasting: false };
      const { status, reason, body } = answer;
      if (status >= 200 && status < 300) {
        const rejected = rejectedIn(body);
        // Which of them it has refused, it does not say.
        if (rejected === 0) for (const traced of tracedIn(batch)) exported(traced);
        return { kind: 'taken', rejected };
      }
      const why = `the collector answered ${status} ${reason}`.trim();
      return { kind: 'failed', why, isLasting: !BUSY.has(status) };
    },
  });
  const leave = events.on('settled', (request) => {
    const isSampled = !isNotable(request, context.slowMs());
    if (isSampled && !spans.isSampled(request.traceParent)) return;
    const count = 1 + Math.min(request.attempts.length, ATTEMPTS_MOST);
    if (queue.hasRoom(count, isSampled)) queue.add(spans.of(request));
  });
  log.info({ collector: shown(config.url), sample: config.sample }, 'tracing');
  return {
    leave,
    async close(withinMs) {
      await queue.close(withinMs);
      ended.abort();
      post.close();
    },
  };
}

/** Whether it is traced whatever the sample says. Of the same requests, a record is kept. */
export function isNotable(
  { outcome, elapsedMs, attempts }: ObservedRequest,
  slowMs = Number.POSITIVE_INFINITY,
): boolean {
  return outcome !== 'ok' || attempts.length > 1 || elapsedMs >= slowMs;
}

/** Without a query, which may be a key. */
function shown(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}
