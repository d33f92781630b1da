import { setImmediate } from 'node:timers/promises';
import type { Events } from '../../proxy/events.ts';
import { type PageEntry, page } from '../admin/page.ts';
import { anyText, share, whole } from '../admin/query.ts';
import { Refusal } from '../admin/refusal.ts';
import { tap } from './tap-stream.ts';

/** At the same time. */
const TAPS_MOST = 4;
const LIMIT_MOST = 999_999_999;

export interface TapsSources {
  events: Events;
  /** The names of the routes. */
  routes(): readonly string[];
  /** How many bytes of each body to show. */
  bodyBytes(): number;
}

/** The taps that are open. */
export class Taps {
  readonly #sources: TapsSources;
  readonly #running = new Set<Promise<void>>();
  readonly #closed = new AbortController();

  constructor(sources: TapsSources) {
    this.#sources = sources;
  }

  /** Ends all of them. Resolves when those whose readers keep up are over, so that the door may be closed. */
  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all(this.#running);
    // The door ends the answers now.
    await setImmediate();
  }

  page(): PageEntry {
    const { events, routes, bodyBytes } = this.#sources;
    return page({
      path: '/tap',
      summary: 'requests as they come and go, a stream of JSON lines: ?route=&sample=&limit=',
      query: { route: anyText('the name of a route'), sample: share, limit: whole(1, LIMIT_MOST) },
      answer: ({ query: { route, sample = 1, limit = Number.POSITIVE_INFINITY } }) => {
        const names = routes();
        if (route !== undefined && !names.includes(route))
          throw new Refusal(
            400,
            `there is no route ${JSON.stringify(route)}; there are: ${names.join(', ')}`,
          );
        if (this.#running.size >= TAPS_MOST)
          throw new Refusal(503, `${TAPS_MOST} taps are open, and no more are allowed at the same time`);
        return {
          kind: 'stream',
          contentType: 'application/x-ndjson',
          run: async (out, signal) => {
            const stop = AbortSignal.any([signal, this.#closed.signal]);
            const running = tap(events, { route, sample, limit }, bodyBytes, out, stop);
            this.#running.add(running);
            await running.finally(() => this.#running.delete(running));
          },
        };
      },
    });
  }
}
