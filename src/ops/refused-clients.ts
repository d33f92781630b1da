import type { Events } from '../proxy/events.ts';

/** Connections to a listener that were turned away for the same reason. */
export interface RefusedClients {
  why: string;
  count: number;
  /** When the last one came, and from where, if that is known. */
  at: Date;
  address: string | undefined;
}

/** Most reasons that are kept for a route; the one that is oldest gives way. */
const REASONS_MOST = 8;

/** Keeps why connections to each route were refused, so that `/status` can tell. */
export class Refusals {
  readonly #byRoute = new Map<string, Map<string, RefusedClients>>();

  observe(events: Events): void {
    events.on('refusedClient', ({ route, why, address }) => this.#refused(route, why, address));
    events.on('renamed', () => this.#byRoute.clear());
  }

  /** The newest first. */
  of(route: string): RefusedClients[] {
    return [...(this.#byRoute.get(route)?.values() ?? [])].toReversed();
  }

  #refused(route: string, why: string, address: string | undefined): void {
    const reasons = this.#byRoute.get(route) ?? new Map<string, RefusedClients>();
    this.#byRoute.set(route, reasons);
    const count = (reasons.get(why)?.count ?? 0) + 1;
    // A map keeps the order in which its keys came.
    reasons.delete(why);
    reasons.set(why, { why, count, at: new Date(), address });
    const [oldest] = reasons.keys();
    if (reasons.size > REASONS_MOST && oldest !== undefined) reasons.delete(oldest);
  }
}
