import type { Events } from '../../proxy/events.ts';
import { type RouteStatus, unsettledIn } from '../../proxy/status.ts';
import { type RouteSeries, type routeFamilies, routeSeries } from './route-series.ts';

/** The series of each route, by its name. */
export class SeriesByRoute {
  readonly #families: ReturnType<typeof routeFamilies>;
  readonly #routes: () => readonly RouteStatus[];
  readonly #series = new Map<string, RouteSeries>();
  /** Names that a reload has just taken from routes, or given to them. */
  readonly #renamed = new Set<string>();

  constructor(families: ReturnType<typeof routeFamilies>, routes: () => readonly RouteStatus[]) {
    this.#families = families;
    this.#routes = routes;
  }

  observe(events: Events): void {
    events.on('renamed', ({ route, was }) => {
      // Once the reload is applied: until then two routes may have one name.
      if (this.#renamed.size === 0) queueMicrotask(() => this.#startAgain());
      this.#renamed.add(was).add(route);
    });
  }

  get all(): Iterable<RouteSeries> {
    return this.#series.values();
  }

  of(route: string): RouteSeries {
    const known = this.#series.get(route);
    if (known !== undefined) return known;
    const fresh = routeSeries(this.#families, route);
    this.#series.set(route, fresh);
    return fresh;
  }

  /** Removes the series of routes that are gone: otherwise each rename would leave some hundred behind. */
  keepOnly(routes: readonly RouteStatus[]): void {
    const names = new Set(routes.map(({ settings }) => settings.name));
    for (const name of this.#series.keys()) if (!names.has(name)) this.#remove(name);
  }

  /**
   * The series of these names start again at 0, with the requests that are under way. If a route kept those of its old or new name, and
   * another route had that name before or has it now, what was received and what is settled would not match.
   */
  #startAgain(): void {
    for (const name of this.#renamed) this.#remove(name);
    for (const route of this.#routes()) {
      const { name } = route.settings;
      if (this.#renamed.has(name)) this.of(name).received.add(unsettledIn(route));
    }
    this.#renamed.clear();
  }

  #remove(name: string): void {
    this.#series.get(name)?.remove();
    this.#series.delete(name);
  }
}
