import type { Config, RouteConfig } from '../config/config.ts';
import { cannotBothListen } from '../config/values/address.ts';
import type { Discovery } from '../discovery/discovery.ts';
import { messageOf, StartError } from '../errors.ts';
import type { Events } from '../proxy/events.ts';
import { Route } from '../proxy/route.ts';
import { doorAddresses } from './doors.ts';
import { type DrainSettings, drain, leave, untilQuiet } from './drain.ts';
import { transportOf } from './implementations.ts';

interface RoutesContext {
  events: Events;
  discoveryOf(route: RouteConfig): Discovery;
  /** A name that is unique to this sidecar. */
  self: string;
}

/** A running route, and its configuration. */
interface ServedRoute {
  config: RouteConfig;
  /** The configuration of the upstream in use, unless the route has switched to that of `config` since. */
  inUse: RouteConfig;
  route: Route;
}

/** How long a reload waits for a moment without requests at a listener that must be released. */
const CALM_MS = 5_000;

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
  #serving: ServedRoute[] = [];
  /** Routes no longer in the configuration that still have requests, or apps that may send some. */
  readonly #leaving = new Map<ServedRoute, Retiring>();
  /** Routes that have finished waiting and only send their last replies. These cannot be kept any more. */
  readonly #closing = new Map<ServedRoute, Promise<void>>();
  readonly #ended = Promise.withResolvers<void>();
  #isClosed = false;

  constructor(context: RoutesContext) {
    this.#context = context;
  }

  /** In the order of the configuration; routes that are leaving come last. */
  get all(): Route[] {
    return [...this.#serving, ...this.#leaving.keys(), ...this.#closing.keys()].map(({ route }) => route);
  }

  /** @throws {StartError} if one of them cannot listen */
  async bind(configs: readonly RouteConfig[]): Promise<void> {
    for (const config of configs) this.#serving.push(await this.#make(config));
    for (const { route } of this.#serving) await route.listen();
  }

  /** Runs until the signal aborts; rejects on a bug in a route. */
  async run(stop: AbortSignal): Promise<void> {
    stop.addEventListener('abort', () => void this.close(), { once: true });
    for (const { route } of this.#serving) this.#start(route);
    await this.#ended.promise;
  }

  /**
   * Binds the new listeners. If an old listener is in the way, on another host with the same port, it is released first, when nothing is
   * in flight there. Its apps lose their connections and reconnect. If a new listener cannot be bound, everything is as before.
   *
   * @returns a change that can be committed, which cannot fail, or abandoned
   * @throws {StartError}
   */
  async prepare({ routes, drain: settings, admin }: Config): Promise<PreparedRoutes> {
    while (this.#closing.size > 0) await Promise.all(this.#closing.values());
    for (const config of routes) this.#checkListener(config);
    // Leaving routes that are wanted again must stay while listeners are bound.
    const held = [...this.#leaving].filter(([one]) => routes.some((of) => isSameListener(one.config, of)));
    for (const [{ route }, { stop }] of held) {
      stop.abort();
      route.accept();
    }
    const fresh: ServedRoute[] = [];
    const inTheWay = this.#inTheWay(routes, doorAddresses(admin));
    const moved = new Map<RouteConfig, ServedRoute>();
    const abandon = async () => {
      for (const { route } of fresh) void route.close();
      for (const [one, retiring] of held) void this.#retire(one, retiring.settings);
      for (const { route } of moved.values()) await route.release();
      for (const { route, config } of inTheWay) await route.listen(config.listener.listen);
    };
    try {
      await untilQuiet(
        // Elsewhere its apps stay connected.
        inTheWay.filter(({ config }) => config.transport === 'libzmq').map(({ route }) => route),
        0,
        CALM_MS,
      );
      for (const { route } of inTheWay) await route.release();
      for (const config of routes) {
        if (this.#listeningAt(config) !== undefined) continue;
        const mover = inTheWay.find(
          (one) => ![...moved.values()].includes(one) && this.#canMoveTo(one, config),
        );
        if (mover !== undefined) {
          moved.set(config, mover);
          await mover.route.listen(config.listener.listen);
          continue;
        }
        const made = await this.#make(config);
        fresh.push(made);
        await made.route.listen();
      }
    } catch (error) {
      await abandon().catch((again: unknown) => {
        throw new StartError(`${messageOf(error)}; and the change cannot be reverted: ${messageOf(again)}`);
      });
      throw error;
    }
    return { commit: () => this.#commit(routes, fresh, moved, settings), abandon };
  }

  /** Ends, cutting requests in progress. Resolves when the last replies have been sent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const closed = this.all.map((route) => route.close());
    this.#ended.resolve();
    await Promise.all(closed);
  }

  #commit(
    configs: readonly RouteConfig[],
    fresh: readonly ServedRoute[],
    moved: ReadonlyMap<RouteConfig, ServedRoute>,
    settings: DrainSettings,
  ): RouteChanges {
    const changes: RouteChanges = { added: [], changed: [], removed: [] };
    const before = this.#serving;
    this.#serving = configs.map((config) => {
      const known = moved.get(config) ?? this.#listeningAt(config, before);
      if (known === undefined) {
        changes.added.push(config.name);
        const made = fresh.find((one) => one.config === config);
        if (made === undefined) throw new Error(`route ${config.name} was not prepared`);
        return made;
      }
      const wasLeaving = this.#leaving.delete(known);
      const isSame = JSON.stringify(known.config) === JSON.stringify(config);
      if (wasLeaving) changes.added.push(config.name);
      else if (!isSame) changes.changed.push(config.name);
      if (isSame) return known;
      return this.#change(known, config);
    });
    for (const { route } of fresh) this.#start(route);
    const kept = new Set(this.#serving.map(({ route }) => route));
    for (const serving of before) {
      if (kept.has(serving.route)) continue;
      changes.removed.push(serving.config.name);
      void this.#retire(serving, settings);
    }
    return changes;
  }

  #change({ route, config: before, inUse }: ServedRoute, config: RouteConfig): ServedRoute {
    const serves = route.isSwitching ? inUse : before;
    const isBack = hasSameUpstream(serves, config);
    if (isBack) route.stay();
    const isKnown = isBack || hasSameUpstream(before, config);
    route.apply(config, isKnown ? undefined : this.#context.discoveryOf(config));
    return { config, inUse: serves, route };
  }

  /** Keeps serving until its apps are quiet, as in a drain, unless the route is wanted again. */
  async #retire(serving: ServedRoute, settings: DrainSettings): Promise<void> {
    const { route } = serving;
    const stop = new AbortController();
    this.#leaving.set(serving, { stop, settings });
    await drain([route], settings, { isWantedAgain: () => stop.signal.aborted });
    if (stop.signal.aborted) return;
    this.#leaving.delete(serving);
    const closing = leave([route]).then(() => {
      void route.close();
      this.#closing.delete(serving);
    });
    this.#closing.set(serving, closing);
  }

  async #make(config: RouteConfig): Promise<ServedRoute> {
    const { events, discoveryOf, self } = this.#context;
    const transport = await transportOf(config.transport);
    return { config, inUse: config, route: new Route(config, transport, discoveryOf(config), events, self) };
  }

  #start(route: Route): void {
    if (this.#isClosed) void route.close();
    else route.run().catch(this.#ended.reject);
  }

  /** Routes that are not wanted as they are, and whose listeners block others. */
  #inTheWay(routes: readonly RouteConfig[], doors: readonly string[]): ServedRoute[] {
    const wanted = [...doors, ...routes.map(({ listener }) => listener.listen)];
    return [...this.#serving, ...this.#leaving.keys()].filter(
      (one) =>
        !routes.some((config) => isSameListener(one.config, config)) &&
        wanted.some((listen) => cannotBothListen(listen, one.config.listener.listen)),
    );
  }

  /** Whether a route whose listener blocks a new one can take over that new listener. */
  #canMoveTo({ config: before, route }: ServedRoute, config: RouteConfig): boolean {
    if (!this.#serving.some((one) => one.route === route)) return false;
    if (!cannotBothListen(config.listener.listen, before.listener.listen)) return false;
    if (config.transport !== before.transport) return false;
    const isSameKey = before.listener.curve?.secretKey === config.listener.curve?.secretKey;
    return isSameKey && config.limits.messageBytes <= route.messageBytesMost;
  }

  /** Refuses changes of settings that libzmq fixes when a listener is bound. */
  #checkListener(config: RouteConfig): void {
    const known = this.#listeningAt(config);
    if (known === undefined) return;
    if (known.config.listener.curve?.secretKey !== config.listener.curve?.secretKey)
      throw new StartError(
        `route ${config.name}: the secret key of a listener cannot be changed at run time; restart the sidecar`,
      );
    const most = known.route.messageBytesMost;
    if (config.limits.messageBytes <= most) return;
    const words = `limits.messageBytes can be raised to at most ${most} at run time (twice its value at start)`;
    throw new StartError(`route ${config.name}: ${words}; restart the sidecar for more`);
  }

  #listeningAt(config: RouteConfig, serving = this.#serving): ServedRoute | undefined {
    return [...serving, ...this.#leaving.keys()].find((one) => isSameListener(one.config, config));
  }
}

/** Port 0 gives another port each time, so there the name decides. */
function isSameListener(one: RouteConfig, other: RouteConfig): boolean {
  const { listen } = one.listener;
  if (one.transport !== other.transport) return false;
  return listen === other.listener.listen && (!listen.endsWith(':0') || one.name === other.name);
}

/** Whether endpoints and connections can stay as they are. */
function hasSameUpstream(one: RouteConfig, other: RouteConfig): boolean {
  const of = ({ transport, upstream, connection }: RouteConfig) =>
    JSON.stringify([transport, upstream, connection]);
  return of(one) === of(other);
}
