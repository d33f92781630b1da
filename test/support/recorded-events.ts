import type {
  AttemptResult,
  Events,
  ObservedAttempt,
  ObservedEndpoint,
  ObservedRequest,
  ProxyEvents,
  RetryDenial,
  RetryReason,
} from '../../src/proxy/events.ts';
import type { Cause, Executed, Outcome } from '../../src/proxy/outcome.ts';

/** Events that hand over a live object, as they were at that moment. */
type Recorded = {
  received: { route: string; bytes: number };
  sent: { route: string; endpoint: string };
  attempt: { route: string; endpoint: string; result: AttemptResult; elapsedMs: number };
  retry: { route: string; reason: RetryReason };
  retryDenied: { route: string; reason: RetryDenial };
  settled: { route: string; outcome: Outcome; cause: Cause; request: SettledRequest };
  lateReply: Flat<'lateReply'>;
  reset: Flat<'reset'>;
  notEchoed: Flat<'notEchoed'>;
  endpoint: Flat<'endpoint'>;
};

/** An event about an endpoint, with its names beside its address. */
type Flat<K extends 'lateReply' | 'reset' | 'notEchoed' | 'endpoint'> = Omit<
  ProxyEvents[K],
  'endpoint' | 'request'
> &
  Names & { endpoint: string };

type Names = Omit<ObservedEndpoint, 'address'>;

export interface SettledRequest extends Names {
  attempts: number;
  endpoint: string | undefined;
  elapsedMs: number;
  executed: Executed;
  requestBytes: number;
  replyBytes: number;
}

type AsTold = Omit<ProxyEvents, keyof Recorded> & Recorded;

/** An event of the data path as a plain object. */
export type RecordedEvent = { [K in keyof AsTold]: { kind: K } & AsTold[K] }[keyof AsTold];

const PLAIN_KINDS = [
  'listening',
  'renamed',
  'malformed',
  'refusedClient',
  'droppedClient',
  'internalError',
  'discovered',
  'discoveryFailed',
  'upstreamDelayed',
  'upstreamSwitched',
] as const;
const ENDPOINT_KINDS = ['reset', 'notEchoed', 'endpoint'] as const;

/** Calls `told` with each event of the data path. */
export function recordEvents(events: Events, told: (event: RecordedEvent) => void): void {
  for (const kind of PLAIN_KINDS) events.on(kind, (event) => told({ kind, ...event } as RecordedEvent));
  for (const kind of ENDPOINT_KINDS)
    events.on(kind, ({ endpoint: { address, ...names }, ...event }) =>
      told({ kind, ...event, endpoint: address, ...names } as RecordedEvent),
    );
  events.on('lateReply', ({ route, endpoint: { address, ...names }, fate }) =>
    told({ kind: 'lateReply', route, endpoint: address, ...names, fate }),
  );
  events.on('received', ({ route, bytes }) => told({ kind: 'received', route, bytes }));
  events.on('sent', ({ request, endpoint }) =>
    told({ kind: 'sent', route: request.route, endpoint: endpoint.address }),
  );
  events.on('attempt', ({ request, endpoint, result, sentMs, endedMs }) => {
    if (result === undefined) throw new Error('an attempt without a result was told as ended');
    const { route } = request;
    told({ kind: 'attempt', route, endpoint: endpoint.address, result, elapsedMs: endedMs - sentMs });
  });
  events.on('retry', ({ request, reason }) => told({ kind: 'retry', route: request.route, reason }));
  events.on('retryDenied', ({ request, reason }) =>
    told({ kind: 'retryDenied', route: request.route, reason }),
  );
  events.on('settled', (request) => {
    const { route, outcome, cause } = request;
    if (outcome === undefined || cause === undefined) throw new Error('settled without an outcome');
    told({ kind: 'settled', route, outcome, cause, request: settledOf(request) });
  });
}

function settledOf({ attempts, elapsedMs, executed, bytes, replyBytes }: ObservedRequest): SettledRequest {
  const { address: endpoint, ...names } = attempts.at(-1)?.endpoint ?? { address: undefined };
  return {
    attempts: attempts.length,
    endpoint,
    ...names,
    elapsedMs,
    executed,
    requestBytes: bytes,
    replyBytes,
  };
}

/** Emits the event that is recorded like this: the inverse of `recordEvents`. */
export function emitRecorded(events: Events, event: RecordedEvent): void {
  switch (event.kind) {
    case 'received':
      return events.emit('received', requestOf(event.route, { bytes: event.bytes }));
    case 'sent':
      return events.emit('sent', attemptOf(requestOf(event.route), event.endpoint));
    case 'attempt': {
      const { route, endpoint, result, elapsedMs } = event;
      return events.emit('attempt', attemptOf(requestOf(route), endpoint, result, elapsedMs));
    }
    case 'retry':
      return events.emit('retry', { request: requestOf(event.route), reason: event.reason });
    case 'retryDenied':
      return events.emit('retryDenied', { request: requestOf(event.route), reason: event.reason });
    case 'settled': {
      const { route, outcome, cause, request } = event;
      const {
        elapsedMs,
        executed,
        requestBytes: bytes,
        replyBytes,
        attempts: count,
        endpoint,
        ...names
      } = request;
      const attempts: ObservedAttempt[] = [];
      const settled = requestOf(route, { attempts, bytes, cause, outcome, elapsedMs, executed, replyBytes });
      while (attempts.length < count)
        attempts.push({ ...attemptOf(settled, endpoint), endpoint: { address: endpoint ?? '', ...names } });
      return events.emit('settled', settled);
    }
    case 'lateReply':
    case 'reset':
    case 'notEchoed':
    case 'endpoint': {
      const { kind, endpoint: address, pod, node, zone, ...told } = event;
      const names = { ...(pod && { pod }), ...(node && { node }), ...(zone && { zone }) };
      return events.emit(kind, { ...told, endpoint: { address, ...names } } as never);
    }
    default: {
      const { kind, ...told } = event;
      // Each of these kinds tells what is recorded of it; that it is the same kind is more than the compiler can follow.
      events.emit(kind, told as never);
    }
  }
}

function requestOf(route: string, known: Partial<ObservedRequest> = {}): ObservedRequest {
  const unsettled = {
    cause: undefined,
    failure: undefined,
    outcome: undefined,
    elapsedMs: 0,
    executed: 'no',
    replyBytes: 0,
  } as const;
  const id = `${route}.abc123.1`;
  return {
    number: 1,
    id,
    from: undefined,
    client: { hasLeft: false },
    route,
    bytes: 0,
    arrivedMs: 0,
    attempts: [],
    ...unsettled,
    ...known,
  };
}

function attemptOf(
  request: ObservedRequest,
  address = '',
  result?: AttemptResult,
  elapsedMs = 0,
): ObservedAttempt {
  return { request, endpoint: { address }, sentMs: 0, result, isUnsent: false, endedMs: elapsedMs };
}
