import { type Body, frameAt, withoutFrame } from '../../transport/message.ts';
import type { TraceParent } from '../events.ts';
import type { TraceFrame } from '../settings.ts';

/** Longer than any that a known version has. A later version may add to the 55 characters. */
const BYTES_MOST = 256;
const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/s;

/**
 * The trace that a request belongs to, from the frame in which its app may tell it. A frame that holds anything else is part of the
 * request like the others, and stays. So does the only frame: a request without one cannot be sent.
 */
export function takeTraceParent(
  body: Body,
  { index, isStripped }: TraceFrame,
): { parent: TraceParent | undefined; body: Body } {
  const frame = frameAt(body, index, BYTES_MOST);
  const parent = frame && parseTraceParent(frame.content.toString('latin1'));
  if (frame === undefined || parent === undefined) return { parent: undefined, body };
  const isOnly = frame.before === undefined && frame.isLast;
  return { parent, body: isStripped && !isOnly ? withoutFrame(body, frame) : body };
}

/** Reads a `traceparent` as W3C Trace Context defines it, and nothing else. */
function parseTraceParent(text: string): TraceParent | undefined {
  const [, version = '', traceId = '', spanId = '', flags = '', rest] = FORM.exec(text) ?? [];
  if (version === '' || version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}
