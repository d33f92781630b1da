import type { Writable } from 'node:stream';
import { untilAborted } from '../../lifecycle/pause.ts';
import type { Events, ObservedRequest } from '../../proxy/events.ts';
import { BoundedLines } from './bounded-lines.ts';
import { attemptLine, lateLine, receivedLine, sentLine, settledLine, type TapLine } from './tap-events.ts';

/** What a tap shows. */
export interface TapFilter {
  /** `undefined`: all. */
  route: string | undefined;
  /** The share of the requests. */
  sample: number;
  /** It ends after so many lines. */
  limit: number;
}

/**
 * Writes what happens to requests, as lines of JSON, until the signal aborts or the limit is reached. Only while it runs does it observe
 * anything. Requests that arrived before it are not shown, so that each is shown from its beginning.
 *
 * @param bodyBytes how much is shown of bodies now
 */
export async function tap(
  events: Events,
  { route: wanted, sample, limit }: TapFilter,
  bodyBytes: () => number,
  out: Writable,
  stop: AbortSignal,
): Promise<void> {
  const sinceMs = performance.now();
  const lines = new BoundedLines(out);
  const full = new AbortController();
  let left = limit;
  const put = (make: () => TapLine) => {
    if (left > 0 && lines.put(make) && --left === 0) full.abort();
  };
  const isOfRoute = (route: string) => wanted === undefined || route === wanted;
  const isShown = ({ arrivedMs, route, number }: ObservedRequest) =>
    arrivedMs >= sinceMs && isOfRoute(route) && spread(number) < sample;
  let discarded = 0;
  const leave = [
    events.on('received', (request) => {
      if (isShown(request)) put(() => receivedLine(request, bodyBytes()));
    }),
    events.on('sent', (attempt) => {
      if (isShown(attempt.request)) put(() => sentLine(attempt));
    }),
    events.on('attempt', (attempt) => {
      if (isShown(attempt.request)) put(() => attemptLine(attempt));
    }),
    events.on('settled', (request) => {
      if (isShown(request)) put(() => settledLine(request, bodyBytes()));
    }),
    events.on('lateReply', (event) => {
      const { request, route } = event;
      // Nobody knows whose reply a discarded one was.
      const isWanted =
        request === undefined ? isOfRoute(route) && spread(++discarded) < sample : isShown(request);
      if (isWanted) put(() => lateLine(event));
    }),
  ];
  try {
    await untilAborted(AbortSignal.any([stop, full.signal]));
  } finally {
    for (const off of leave) off();
    lines.end();
  }
}

/** Spreads numbers evenly over 0 to 1, so that the number of a request alone decides whether it is in a sample. */
function spread(number: number): number {
  return (Math.imul(number, 0x9e3779b1) >>> 0) / 2 ** 32;
}
