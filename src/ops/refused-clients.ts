import type { Events, ProxyEvents } from '../proxy/events.ts';

/** Connections to a listener that were turned away for the same reason. */
export interface RefusedClients {
  kind: ProxyEvents['refusedClient']['kind'];
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
  readonly #routes: () => readonly string[];

  /** @param routes the names of the routes that there are */
  constructor(routes: () => readonly string[]) {
    this.#routes = routes;
  }

  observe(events: Events): void {
    events.on('refusedClient', (refused) => this.#refused(refused));
    events.on('renamed', () => this.#byRoute.clear());
  }

  /** The newest first. */
  of(route: string): RefusedClients[] {
    this.#forgetOthers();
    return [...(this.#byRoute.get(route)?.values() ?? [])].toReversed();
  }

  /** Forgets routes that are gone. */
  #forgetOthers(): void {
    const names = new Set(this.#routes());
    for (const name of this.#byRoute.keys()) if (!names.has(name)) this.#byRoute.delete(name);
  }

  #refused({ route, kind, why, address }: ProxyEvents['refusedClient']): void {
    if (!this.#byRoute.has(route)) this.#forgetOthers();
    const reasons = this.#byRoute.get(route) ?? new Map<string, RefusedClients>();
    this.#byRoute.set(route, reasons);
    const count = (reasons.get(why)?.count ?? 0) + 1;
    // A map keeps the order in which its keys came.
    reasons.delete(why);
    reasons.set(why, { kind, why, count, at: new Date(), address });
    const [oldest] = reasons.keys();
    if (reasons.size > REASONS_MOST && oldest !== undefined) reasons.delete(oldest);
  }
}
