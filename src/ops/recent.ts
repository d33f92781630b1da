import { pause } from '../lifecycle/pause.ts';
import type { RouteStatus } from '../proxy/status.ts';
import { countsSince, quantile, type RouteCounts, type RouteTotals } from './route-counts.ts';

const EVERY_MS = 5_000;
/** What `recent` and `latest` are about; up to one interval more, because snapshots are taken only so often. */
const RECENT_MS = 60_000;
const LATEST_MS = 10_000;

/** What a route has done in the last seconds. */
export interface RouteRecent extends RouteTotals {
  /** How long that time is: shorter than a minute only in the first minute of the route's life. */
  seconds: number;
  /** Durations of requests that were answered; `undefined` if none was. */
  p50Ms: number | undefined;
  p99Ms: number | undefined;
  /** Reply times of attempts that were answered in time. */
  replyP50Ms: number | undefined;
  replyP99Ms: number | undefined;
  /** How long apps waited that left without a reply. */
  goneP50Ms: number | undefined;
}

export interface RouteFigures {
  totals: RouteTotals;
  /** The last minute. */
  recent: RouteRecent;
  /** The last 10 s: whether it goes well again. */
  latest: RouteRecent;
  /** Attempts of the last minute that were answered in time, and that were not. */
  endpoint(address: string): EndpointCounts;
}

interface EndpointCounts {
  answered: number;
  unanswered: number;
}

interface Counted {
  counts: RouteCounts;
  endpoints: ReadonlyMap<string, EndpointCounts>;
}

type Snapshot = ReadonlyMap<string, Counted>;

interface RecentSources {
  routes(): readonly RouteStatus[];
  counts(route: string): RouteCounts;
  /** Upper bounds of the buckets of durations, in seconds. */
  bounds: readonly number[];
  /** Milliseconds of a monotonic clock. */
  now(): number;
}

/**
 * What each route has done in the last minute. Every 5 s it keeps a snapshot of counts that are there anyway, so a request costs
 * nothing more.
 */
export class Recent {
  readonly #sources: RecentSources;
  readonly #snapshots: Snapshots<Snapshot>;

  constructor(sources: RecentSources) {
    this.#sources = sources;
    this.#snapshots = new Snapshots(new Map(), sources.now());
  }

  /** Takes snapshots until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (await pause(EVERY_MS, signal)) this.take();
  }

  take(): void {
    const { routes, now } = this.#sources;
    const counted = new Map<string, Counted>();
    // For a while two routes may have the same name; the one that stays comes first.
    for (const route of routes().toReversed()) counted.set(route.settings.name, this.#count(route));
    this.#snapshots.add(counted, now());
  }

  of(route: RouteStatus): RouteFigures {
    const { name } = route.settings;
    const now = this.#count(route);
    const { durations: _, sinceMs: __, ...totals } = now.counts;
    const minute = this.#base(name, now, RECENT_MS);
    return {
      totals,
      recent: this.#figures(now, minute),
      latest: this.#figures(now, this.#base(name, now, LATEST_MS)),
      endpoint: (address) => endpointSince(now, minute.counted, address),
    };
  }

  #count({ settings, endpoints }: RouteStatus): Counted {
    const counts = this.#sources.counts(settings.name);
    // Of two of the same address, the one that stays comes first.
    const rows = endpoints.map(
      ({ address, answered, unanswered }) => [address, { answered, unanswered }] as const,
    );
    return { counts, endpoints: new Map(rows.toReversed()) };
  }

  /** Where a time begins. Before its first snapshot, a route had counted nothing. */
  #base(name: string, { counts }: Counted, agoMs: number): { atMs: number; counted: Counted | undefined } {
    const { atMs, content } = this.#snapshots.from(
      agoMs,
      this.#sources.now(),
      (snapshot) => !snapshot.has(name),
    );
    const counted = content.get(name);
    // A reload may have given the name to another route, whose counts began anew.
    return { atMs, counted: counted?.counts.sinceMs === counts.sinceMs ? counted : undefined };
  }

  #figures(
    { counts }: Counted,
    { atMs, counted }: { atMs: number; counted: Counted | undefined },
  ): RouteRecent {
    const { durations, sinceMs: _, ...totals } = countsSince(counts, counted?.counts);
    const ms = (share: number, kind: keyof typeof durations) => {
      const seconds = quantile(share, durations[kind], this.#sources.bounds);
      return seconds === undefined ? undefined : seconds * 1_000;
    };
    return {
      seconds: (this.#sources.now() - atMs) / 1_000,
      ...totals,
      p50Ms: ms(0.5, 'ok'),
      p99Ms: ms(0.99, 'ok'),
      replyP50Ms: ms(0.5, 'replies'),
      replyP99Ms: ms(0.99, 'replies'),
      goneP50Ms: ms(0.5, 'clientGone'),
    };
  }
}

/** Another endpoint may have come to the same address, and begun to count anew. */
function endpointSince({ endpoints }: Counted, before: Counted | undefined, address: string): EndpointCounts {
  const now = endpoints.get(address) ?? { answered: 0, unanswered: 0 };
  const then = before?.endpoints.get(address);
  if (then === undefined || then.answered > now.answered || then.unanswered > now.unanswered) return now;
  return { answered: now.answered - then.answered, unanswered: now.unanswered - then.unanswered };
}

/** The snapshots of the last minute. */
export class Snapshots<T> {
  readonly #kept: { atMs: number; content: T }[];

  /** @param first what there was at the start */
  constructor(first: T, atMs: number) {
    this.#kept = [{ atMs, content: first }];
  }

  add(content: T, atMs: number): void {
    this.#kept.push({ atMs, content });
    while (atMs - (this.#kept[1]?.atMs ?? atMs) >= RECENT_MS) this.#kept.shift();
  }

  /**
   * The newest snapshot that is at least so old, or else the oldest.
   *
   * @param isEmpty a newer one is as good if there was nothing yet
   */
  from(
    agoMs: number,
    nowMs: number,
    isEmpty: (content: T) => boolean = () => false,
  ): { atMs: number; content: T } {
    const found =
      this.#kept.findLast(({ atMs, content }) => nowMs - atMs >= agoMs || isEmpty(content)) ?? this.#kept[0];
    if (found === undefined) throw new Error('there is always one');
    return found;
  }

  /** The largest of what is measured of each. */
  most(measure: (content: T) => number): number {
    return Math.max(...this.#kept.map(({ content }) => measure(content)));
  }
}
