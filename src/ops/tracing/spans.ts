import { isIPv6 } from 'node:net';
import {
  type Attributes,
  type HrTime,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  type SpanStatus,
  SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  RandomIdGenerator,
  type ReadableSpan,
  SamplingDecision,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';
import {
  ATTR_CLIENT_ADDRESS,
  ATTR_CLIENT_PORT,
  ATTR_ERROR_TYPE,
  ATTR_NETWORK_TRANSPORT,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_SERVICE_VERSION,
} from '@opentelemetry/semantic-conventions';
import { ATTR_RPC_SYSTEM_NAME } from '@opentelemetry/semantic-conventions/incubating';
import type { AttemptResult, ObservedAttempt, ObservedRequest, TraceParent } from '../../proxy/events.ts';
import type { Outcome } from '../../proxy/outcome.ts';
import { waitedMs } from '../../proxy/tried.ts';
import { executedOf } from '../record.ts';

/* The only module that uses the packages of OpenTelemetry. It is loaded only if tracing is configured. */

/** At most so many attempts of a request become spans: the last ones. */
export const ATTEMPTS_MOST = 32;

const SYSTEM = { [ATTR_RPC_SYSTEM_NAME]: 'zeromq' };
const FINE: SpanStatus = { code: SpanStatusCode.UNSET };

export interface SpanSettings {
  sample: number;
  followsParent: boolean;
  /** Attributes of the resource, which is this process. */
  resource: Readonly<Record<string, string>>;
  version: string;
}

/** A duration that the metrics have counted too. */
type Counted = { route: string; seconds: number } & (
  | { kind: 'request'; outcome: Outcome }
  | { kind: 'attempt'; result: AttemptResult }
);

/** And where to find it among the traces. */
export type TracedDuration = Counted & { traceId: string; spanId: string; endedAtMs: number };

/** `counted` is for us, and not sent. An attempt that was not over when its request was has not been counted by then. */
type Span = ReadableSpan & { counted: Counted | undefined };

/** The parts of a span that differ. */
type OwnPart = Pick<Span, 'name' | 'kind' | 'attributes' | 'status' | 'counted'> & {
  context: SpanContext;
  parent: SpanContext | undefined;
  startMs: number;
  endMs: number;
};

/**
 * Makes spans of settled requests: a SERVER span for the request, as the app sees it, and in it a CLIENT span for each attempt.
 * The whole story is known by then, so they are not started and ended, but written down.
 */
export class Spans {
  readonly #settings: SpanSettings;
  readonly #resource: Resource;
  readonly #ids = new RandomIdGenerator();
  readonly #sampler: TraceIdRatioBasedSampler;

  constructor(settings: SpanSettings) {
    this.#settings = settings;
    const { resource, version, sample } = settings;
    this.#resource = resourceFromAttributes({ [ATTR_SERVICE_VERSION]: version, ...resource });
    this.#sampler = new TraceIdRatioBasedSampler(sample);
  }

  /** Whether a request without anything notable is traced. With one parent, all make the same decision. */
  isSampled(parent: TraceParent | undefined): boolean {
    const { followsParent, sample } = this.#settings;
    if (parent === undefined) return Math.random() < sample;
    if (followsParent) return parent.isSampled;
    const { decision } = this.#sampler.shouldSample(ROOT_CONTEXT, parent.traceId);
    return decision === SamplingDecision.RECORD_AND_SAMPLED;
  }

  /** The span of the request, then those of its attempts. */
  of(request: ObservedRequest): Span[] {
    const { route, arrivedMs, elapsedMs, attempts, outcome = 'internal' } = request;
    // The clock may have been set since the request came: then its spans are where they would be now, and as long as they were.
    const wallMs = Date.now() - performance.now();
    const endMs = arrivedMs + elapsedMs;
    const parent = parentContext(request.traceParent);
    const context = this.#context(parent?.traceId ?? this.#ids.generateTraceId());
    const spans = [
      this.#span({
        name: route,
        kind: SpanKind.SERVER,
        counted: { kind: 'request', route, outcome, seconds: elapsedMs / 1_000 },
        context,
        parent,
        startMs: wallMs + arrivedMs,
        endMs: wallMs + endMs,
        attributes: requestAttributes(request),
        status: requestStatus(request),
      }),
    ];
    const first = Math.max(0, attempts.length - ATTEMPTS_MOST);
    for (const [index, attempt] of attempts.entries()) {
      if (index < first) continue;
      const { result = 'cancelled', sentMs, endedMs } = attempt;
      // One that nobody has ended was over when its request was.
      const attemptEndMs = attempt.result === undefined ? endMs : Math.min(endedMs, endMs);
      const seconds = (endedMs - sentMs) / 1_000;
      spans.push(
        this.#span({
          name: `${route} attempt`,
          kind: SpanKind.CLIENT,
          counted: attempt.result && { kind: 'attempt', route, result, seconds },
          context: this.#context(context.traceId),
          parent: context,
          startMs: wallMs + sentMs,
          endMs: wallMs + Math.max(sentMs, attemptEndMs),
          attributes: {
            ...attemptAttributes(attempt),
            'lazypirate.request.id': request.id,
            'lazypirate.attempt.number': index + 1,
          },
          status: isFailure(result) ? { code: SpanStatusCode.ERROR, message: result } : FINE,
        }),
      );
    }
    return spans;
  }

  #context(traceId: string): SpanContext {
    return { traceId, spanId: this.#ids.generateSpanId(), traceFlags: TraceFlags.SAMPLED };
  }

  #span({ context, parent, startMs, endMs, ...own }: OwnPart): Span {
    return {
      ...own,
      spanContext: () => context,
      ...(parent && { parentSpanContext: parent }),
      startTime: hrTime(startMs),
      endTime: hrTime(endMs),
      duration: hrTime(endMs - startMs),
      ended: true,
      links: [],
      events: [],
      resource: this.#resource,
      instrumentationScope: { name: 'lazypirate', version: this.#settings.version },
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
    };
  }
}

export const CONTENT_TYPE = 'application/x-protobuf';

/** The durations that have been counted and are among these spans. */
export function tracedIn(spans: readonly Span[]): TracedDuration[] {
  return spans.flatMap(({ counted, spanContext, endTime: [seconds, nanos] }) => {
    const { traceId, spanId } = spanContext();
    return counted === undefined
      ? []
      : [{ ...counted, traceId, spanId, endedAtMs: seconds * 1_000 + nanos / 1e6 }];
  });
}

/** An `ExportTraceServiceRequest` of OTLP. */
export function encode(spans: readonly ReadableSpan[]): Uint8Array {
  return ProtobufTraceSerializer.serializeRequest([...spans]) ?? new Uint8Array();
}

/** How many spans the collector has refused, by its answer to the others. */
export function rejectedIn(answer: Uint8Array): number {
  try {
    const { partialSuccess } = ProtobufTraceSerializer.deserializeResponse(answer);
    return Number(partialSuccess?.rejectedSpans ?? 0);
  } catch {
    // It has taken them, whatever it says.
    return 0;
  }
}

function parentContext(parent: TraceParent | undefined): SpanContext | undefined {
  if (parent === undefined) return undefined;
  const { traceId, spanId, isSampled } = parent;
  return { traceId, spanId, traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE, isRemote: true };
}

function requestAttributes(request: ObservedRequest): Attributes {
  const { outcome = 'internal', cause = 'internal', attempts } = request;
  const isSalvaged = cause === 'ok' && attempts.every(({ result }) => result !== 'ok');
  return {
    ...SYSTEM,
    ...peerOf(request.from, ATTR_CLIENT_ADDRESS, ATTR_CLIENT_PORT),
    ...(outcome !== 'ok' && { [ATTR_ERROR_TYPE]: outcome }),
    'lazypirate.route': request.route,
    'lazypirate.request.id': request.id,
    'lazypirate.request.outcome': outcome,
    ...(outcome !== cause && { 'lazypirate.request.cause': cause }),
    'lazypirate.request.executed': request.executed,
    'lazypirate.request.attempts': attempts.length,
    'lazypirate.request.bytes': request.bytes,
    'lazypirate.request.waited_ms': waitedMs(request),
    'lazypirate.reply.bytes': request.replyBytes,
    ...(isSalvaged && { 'lazypirate.reply.salvaged': true }),
  };
}

function requestStatus({ outcome, cause, failure }: ObservedRequest): SpanStatus {
  if (outcome === 'ok') return FINE;
  const words = cause === 'ok' ? 'the app had left before its reply came' : failure?.message;
  return { code: SpanStatusCode.ERROR, message: words === undefined ? `${outcome}` : `${outcome}: ${words}` };
}

function attemptAttributes(attempt: ObservedAttempt): Attributes {
  const { endpoint, result = 'cancelled' } = attempt;
  const { address, pod, node, zone } = endpoint;
  return {
    ...SYSTEM,
    ...peerOf(address, ATTR_SERVER_ADDRESS, ATTR_SERVER_PORT),
    ...(isFailure(result) && { [ATTR_ERROR_TYPE]: result }),
    'lazypirate.endpoint.address': address,
    ...(pod !== undefined && { 'lazypirate.endpoint.pod': pod }),
    ...(node !== undefined && { 'lazypirate.endpoint.node': node }),
    ...(zone !== undefined && { 'lazypirate.endpoint.zone': zone }),
    'lazypirate.attempt.result': result,
    'lazypirate.attempt.executed': executedOf(attempt),
  };
}

/** Whether the endpoint is to blame. An attempt is cancelled when its request needs it no longer. */
function isFailure(result: NonNullable<ObservedAttempt['result']>): boolean {
  return result !== 'ok' && result !== 'cancelled';
}

/** `tcp://IP:PORT`, `IP:PORT`, `ipc://PATH` or a path in the words of the conventions. */
function peerOf(address: string | undefined, host: string, port: string): Attributes {
  if (address === undefined) return {};
  const [, ip = '', digits] = /^(?:tcp:\/\/)?\[?([0-9a-fA-F:.%\w-]*?)\]?:(\d+)$/.exec(address) ?? [];
  if (digits !== undefined && (isIPv6(ip) || /^[\d.]+$/.test(ip)))
    return { [ATTR_NETWORK_TRANSPORT]: 'tcp', [host]: ip, [port]: Number(digits) };
  return { [ATTR_NETWORK_TRANSPORT]: 'unix', [host]: address.replace(/^ipc:\/\//, '') };
}

/** Seconds and nanoseconds. */
function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000);
  const nanos = Math.round((ms - seconds * 1_000) * 1e6);
  return nanos === 1e9 ? [seconds + 1, 0] : [seconds, nanos];
}
