import type { ObservedAttempt, ObservedEndpoint, ObservedRequest, ProxyEvents } from '../../proxy/events.ts';
import { microseconds } from '../../proxy/tried.ts';
import { isoTime, type RequestRecord, recordOf } from '../record.ts';
import { excerptOf } from './excerpt.ts';

/* The lines of a tap, as JSON. Durations are in ms, sizes in bytes. */

interface OfRequest {
  readonly id: string;
  readonly route: string;
  readonly at: string;
}

/** An endpoint, and what is not known of it as `null`. */
interface OfEndpoint {
  readonly endpoint: string;
  readonly pod: string | null;
  readonly node: string | null;
  readonly zone: string | null;
}

/** `attempt` counts from 1. Bodies are there only if `admin.tapBodies` says so. */
export type TapLine =
  | ({ kind: 'received'; from: string | null; bytes: number; body?: readonly string[] } & OfRequest)
  | ({ kind: 'sent'; attempt: number } & OfRequest & OfEndpoint)
  | ({ kind: 'attempt'; attempt: number; result: string; ms: number } & OfRequest & OfEndpoint)
  | ({ kind: 'settled'; reply?: readonly string[] } & RequestRecord)
  | ({
      kind: 'late';
      id: string | null;
      route: string;
      at: string;
      fate: ProxyEvents['lateReply']['fate'];
    } & OfEndpoint)
  | LostLines;

/** So many lines are missing here, because the reader was too slow. */
export interface LostLines {
  kind: 'lost';
  lines: number;
}

/** @param bodyBytes how much of the body to show */
export function receivedLine(request: ObservedRequest, bodyBytes: number): TapLine {
  const { from = null, bytes, body } = request;
  const line = { kind: 'received', ...ofRequest(request, request.arrivedMs), from, bytes } as const;
  return bodyBytes === 0 || body === undefined ? line : { ...line, body: excerptOf(body, bodyBytes) };
}

export function sentLine(attempt: ObservedAttempt): TapLine {
  return { kind: 'sent', ...ofAttempt(attempt, attempt.sentMs) };
}

export function attemptLine(attempt: ObservedAttempt): TapLine {
  const { result = 'cancelled', sentMs, endedMs } = attempt;
  return { kind: 'attempt', ...ofAttempt(attempt, endedMs), result, ms: microseconds(endedMs - sentMs) };
}

export function settledLine(request: ObservedRequest, bodyBytes: number): TapLine {
  const line = { kind: 'settled', ...recordOf(request) } as const;
  const { reply } = request;
  return bodyBytes === 0 || reply === undefined ? line : { ...line, reply: excerptOf(reply, bodyBytes) };
}

export function lateLine({ route, endpoint, fate, request }: ProxyEvents['lateReply']): TapLine {
  return {
    kind: 'late',
    id: request?.id ?? null,
    route,
    at: isoTime(performance.now()),
    ...ofEndpoint(endpoint),
    fate,
  };
}

function ofRequest({ id, route }: ObservedRequest, ms: number): OfRequest {
  return { id, route, at: isoTime(ms) };
}

function ofAttempt(attempt: ObservedAttempt, ms: number) {
  const { request, endpoint } = attempt;
  const number = request.attempts.lastIndexOf(attempt) + 1;
  return { ...ofRequest(request, ms), ...ofEndpoint(endpoint), attempt: number };
}

function ofEndpoint(observed: ObservedEndpoint): OfEndpoint {
  const { address: endpoint, pod = null, node = null, zone = null } = observed;
  return { endpoint, pod, node, zone };
}
