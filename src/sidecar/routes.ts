import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/config.ts';
import type { Discovery } from '../discovery/discovery.ts';
import type { DiscoverySettings } from '../discovery/discovery-settings.ts';
import type { Events } from '../proxy/events.ts';
import { Route } from '../proxy/route.ts';
import type { RouteSettings } from '../proxy/settings.ts';
import { doorAddresses } from './doors.ts';
import { type DrainSettings, drain, leave } from './drain.ts';
import { type EndpointChanges, endpointChanges } from './endpoint-changes.ts';
import { transportOf } from './implementations.ts';
import { isSameListener, ListenerChange } from './listener-change.ts';

interface RoutesContext {
  events: Events;
  discoveryOf(settings: DiscoverySettings): Discovery;
  /** A name that is unique to this sidecar. */
  self: string;
}

interface Retiring {
  /** Aborted if the route is wanted again. */
  readonly stop: AbortController;
  readonly settings: DrainSettings;
}

/** What a configuration change did, by route names. */
interface RouteChanges {
  added: string[];
  changed: string[];
  removed: string[];
  /** Of the changed ones. */
  endpoints?: EndpointChanges[];
}

/** A new configuration whose listeners are all bound. */
export interface PreparedRoutes {
  /** Applies it; cannot fail. */
  commit(): RouteChanges;
  /** Leaves everything as it was. */
  abandon(): Promise<void>;
}

/** The routes of a sidecar. A route is identified by its listener: whatever else changes, connected apps stay connected. */
export class Routes {
  readonly #context: RoutesContext;
  #serving: Route[] = [];
  /** Routes no longer in the configuration that still have requests, or apps that may send some. */
  readonly #leaving = new Map<Route, Retiring>();
  /** Routes that have finished waiting and only send their last replies. These cannot be kept any more. */
  readonly #closing = new Map<Route, Promise<void>>();
  readonly #ended = Promise.withResolvers<void>();
  #isClosed = false;

  constructor(context: RoutesContext) {
    this.#context = context;
  }

  /** In the order of the configuration; routes that are leaving come last. */
  get all(): Route[] {
    return [...this.#serving, ...this.#leaving.keys(), ...this.#closing.keys()];
  }

  /** Those of the configuration, in its order. */
  get serving(): readonly Route[] {
    return this.#serving;
  }

  /** @throws {StartError} if one of them cannot listen */
  async bind(wanted: readonly RouteSettings[]): Promise<void> {
    for (const settings of wanted) this.#serving.push(await this.#make(settings));
    for (const route of this.#serving) await route.listen();
  }

  /** Runs until the signal aborts; rejects on a bug in a route. */
  async run(stop: AbortSignal): Promise<void> {
    stop.addEventListener('abort', () => void this.close(), { once: true });
    for (const route of this.#serving) this.#start(route);
    await this.#ended.promise;
  }

  /**
   * Binds the listeners of another configuration. If one of them cannot be bound, everything is as before.
   *
   * @returns a change that can be committed, which cannot fail, or abandoned
   * @throws {StartError}
   */
  async prepare({ routes: wanted, drain: settings, admin }: Config): Promise<PreparedRoutes> {
    while (this.#closing.size > 0) await Promise.all(this.#closing.values());
    const change = new ListenerChange(wanted, {
      serving: this.#serving,
      leaving: [...this.#leaving.keys()],
      others: doorAddresses(admin),
      make: (one) => this.#make(one),
    });
    // Leaving routes that are wanted again must stay while listeners are bound.
    const held = [...this.#leaving].filter(([route]) =>
      wanted.some((one) => isSameListener(route.settings, one)),
    );
    for (const [route, { stop }] of held) {
      stop.abort();
      route.accept();
    }
    const release = () => {
      for (const [route, retiring] of held) void this.#retire(route, retiring.settings);
    };
    try {
      const bound = await change.bind();
      return {
        commit: () => this.#commit(bound, change.fresh, settings),
        abandon: async () => {
          release();
          await change.undo();
        },
      };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Ends, cutting requests in progress. Resolves when the last replies have been sent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const closed = this.all.map((route) => route.close());
    this.#ended.resolve();
    await Promise.all(closed);
  }

  #commit(
    bound: readonly [RouteSettings, Route][],
    fresh: readonly Route[],
    drainSettings: DrainSettings,
  ): RouteChanges {
    const changes: RouteChanges = { added: [], changed: [], removed: [] };
    const endpoints: EndpointChanges[] = [];
    const before = this.#serving;
    this.#serving = bound.map(([, route]) => route);
    for (const [settings, route] of bound) {
      const { name } = settings;
      if (this.#leaving.delete(route) || fresh.includes(route)) changes.added.push(name);
      else if (!isDeepStrictEqual(route.settings, settings)) {
        changes.changed.push(name);
        endpoints.push(...endpointChanges(route.settings, settings));
      }
      route.apply(settings);
    }
    for (const route of fresh) this.#start(route);
    for (const route of before) {
      if (this.#serving.includes(route)) continue;
      changes.removed.push(route.name);
      void this.#retire(route, drainSettings);
    }
    return endpoints.length === 0 ? changes : { ...changes, endpoints };
  }

  /** Keeps serving until its apps are quiet, as in a drain, unless the route is wanted again. */
  async #retire(route: Route, settings: DrainSettings): Promise<void> {
    const stop = new AbortController();
    this.#leaving.set(route, { stop, settings });
    await drain([route], settings, { isWantedAgain: () => stop.signal.aborted });
    if (stop.signal.aborted) return;
    this.#leaving.delete(route);
    const closing = leave([route]).then(() => {
      void route.close();
      this.#closing.delete(route);
    });
    this.#closing.set(route, closing);
  }

  async #make(settings: RouteSettings): Promise<Route> {
    const { events, discoveryOf, self } = this.#context;
    return new Route(settings, await transportOf(settings.transport), discoveryOf, events, self);
  }

  #start(route: Route): void {
    if (this.#isClosed) void route.close();
    else route.run().catch(this.#ended.reject);
  }
}
