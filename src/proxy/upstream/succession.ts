import { isDeepStrictEqual } from 'node:util';
import type { Events } from '../events.ts';
import type { RouteSettings, UpstreamSettings } from '../settings.ts';
import type { UpstreamsStatus } from '../status.ts';
import type { Upstream } from './upstream.ts';

/** A new upstream that is not connected after this time is logged. */
const DELAYED_MS = 3_000;

/**
 * The upstreams of one route across reloads. The current one is used until the next one is connected, or until it has no usable
 * endpoint itself. So a reload to an unreachable upstream takes nothing away. Earlier ones stay only while replies from them are awaited.
 * Another list of endpoints needs no other upstream, unless it has none of those that are connected.
 */
export class Succession {
  #current: Upstream;
  #next: Upstream | undefined;
  readonly #earlier = new Set<Upstream>();
  /** Set while a delay of the next one is not worth a report. */
  #delayed: NodeJS.Timeout | undefined;
  #isDelayed = false;
  #route: string;
  readonly #events: Events;
  readonly #takesOver: (upstream: Upstream) => void;

  /** @param takesOver called with the upstream for requests from now on, before the old one releases those that wait */
  constructor(route: string, current: Upstream, events: Events, takesOver: (upstream: Upstream) => void) {
    this.#route = route;
    this.#current = current;
    this.#events = events;
    this.#takesOver = takesOver;
    current.changed = this.#changed;
  }

  /** The upstream for new requests. */
  get current(): Upstream {
    return this.#current;
  }

  /** The route has another name: also for what is still told of earlier upstreams. */
  rename(name: string): void {
    this.#route = name;
    for (const upstream of [...this.#earlier, this.#current, this.#next]) upstream?.rename(name);
  }

  /** The next upstream keeps its list of endpoints: it has nothing connected that could stay, and another upstream replaces it. */
  adjust(settings: RouteSettings): void {
    // First, because it may take over while the current one is changed.
    this.#next?.adjust({ ...settings, upstream: this.#next.settings });
    this.#current.adjust(settings);
  }

  /**
   * Keeps the upstream with these settings: as the current one, or as the one that will take over.
   *
   * @returns whether there is one
   */
  keep(settings: UpstreamSettings): boolean {
    const isCurrent = isDeepStrictEqual(this.#current.settings, settings);
    if (isCurrent) this.#giveUpNext('replaced by a later reload');
    return isCurrent || isDeepStrictEqual(this.#next?.settings, settings);
  }

  /** Adds the next upstream. If another one was waiting to take over, it is given up. */
  add(upstream: Upstream): void {
    this.#giveUpNext('replaced by a later reload');
    this.#next = upstream;
    upstream.changed = this.#changed;
    this.#delayed = setTimeout(() => this.#tellDelay(), DELAYED_MS).unref();
    this.#changed();
  }

  /** Gives up the upstream that was waiting to take over. */
  #giveUpNext(why: string): void {
    clearTimeout(this.#delayed);
    this.#isDelayed = false;
    const given = this.#next;
    this.#next = undefined;
    given?.close(why);
  }

  close(): void {
    this.#giveUpNext('shutting down');
    for (const upstream of [...this.#earlier, this.#current]) upstream.close();
  }

  status(nowMs: number): UpstreamsStatus {
    const current = this.#current.status(nowMs);
    const earlier = [...this.#earlier].flatMap((one) => one.status(nowMs).endpoints);
    return {
      ...current,
      endpoints: [...current.endpoints, ...earlier],
      next: this.#next?.status(nowMs),
    };
  }

  readonly #changed = (): void => {
    const next = this.#next;
    if (next !== undefined && (next.isUsable || !this.#current.isUsable)) this.#switchTo(next);
    for (const upstream of this.#earlier) if (upstream.isDone) this.#earlier.delete(upstream);
  };

  #switchTo(next: Upstream): void {
    const old = this.#current;
    const wasDelayed = this.#isDelayed;
    clearTimeout(this.#delayed);
    this.#isDelayed = false;
    this.#next = undefined;
    this.#current = next;
    // The route as a whole has had no usable endpoint since then.
    if (!next.isUsable) next.unusableSinceMs = old.unusableSinceMs;
    this.#takesOver(next);
    this.#earlier.add(old);
    old.retire();
    const { isUsable } = next;
    this.#events.emit('upstreamSwitched', { route: this.#route, isUsable, wasDelayed });
  }

  #tellDelay(): void {
    if (this.#next === undefined) return;
    this.#isDelayed = true;
    const [first] = this.#next.status(performance.now()).endpoints;
    const why = first === undefined ? this.#next.whyUnusable : `${first.address}: ${first.why}`;
    this.#events.emit('upstreamDelayed', { route: this.#route, why });
  }
}
