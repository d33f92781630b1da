import { cannotBothListen } from '../config/values/address.ts';
import { messageOf, StartError } from '../errors.ts';
import type { Route } from '../proxy/route.ts';
import type { RouteSettings } from '../proxy/settings.ts';
import { untilQuiet } from './drain.ts';

/** How long to wait for a moment without requests at a listener that must be released. */
const CALM_MS = 5_000;

interface Listeners {
  /** Routes that may move. */
  serving: readonly Route[];
  /** Routes that cannot move. Those that gave their listener to another have none. */
  leaving: readonly Route[];
  /** Addresses that are wanted for something else. */
  others: readonly string[];
  make(settings: RouteSettings): Promise<Route>;
}

/** Listens wherever a new configuration wants it: where routes listen already, where they can move to, or with new routes. */
export class ListenerChange {
  /** New routes. They do not run yet. */
  readonly fresh: Route[] = [];
  readonly #wanted: readonly RouteSettings[];
  readonly #listeners: Listeners;
  /** Routes that listen where they are wanted; or did, until they gave their listener to another. */
  readonly #kept = new Map<RouteSettings, Route>();
  readonly #moved: Route[] = [];
  /** Routes whose listeners are not wanted and block others. */
  readonly #inTheWay: readonly Route[];

  /** @throws {StartError} if a listener cannot become what is wanted of it */
  constructor(wanted: readonly RouteSettings[], listeners: Listeners) {
    this.#wanted = wanted;
    this.#listeners = listeners;
    const known = [...listeners.serving, ...listeners.leaving];
    for (const settings of wanted) {
      const route = known.find((one) => isSameListener(one.settings, settings));
      if (route === undefined) continue;
      refuseFixed(route, settings);
      this.#kept.set(settings, route);
    }
    const addresses = [...listeners.others, ...wanted.map(({ listener }) => listener.listen)];
    const kept = [...this.#kept.values()];
    this.#inTheWay = known.filter(
      (one) => one.isListening && !kept.includes(one) && addresses.some((address) => isBlocked(address, one)),
    );
  }

  /**
   * Routes that are in the way release their listeners first, when nothing is in flight there. Their apps lose their connections and
   * reconnect. If this fails, everything is as before.
   *
   * @returns the route for each of the settings, in their order
   * @throws {StartError}
   */
  async bind(): Promise<[RouteSettings, Route][]> {
    try {
      // Elsewhere its apps stay connected.
      const cutting = this.#inTheWay.filter(({ settings }) => settings.transport === 'libzmq');
      await untilQuiet(cutting, 0, CALM_MS);
      for (const route of this.#inTheWay) await route.release();
      const bound: [RouteSettings, Route][] = [];
      for (const settings of this.#wanted) bound.push([settings, await this.#bound(settings)]);
      return bound;
    } catch (error) {
      await this.undo().catch((again: unknown) => {
        throw new StartError(`${messageOf(error)}; and the change cannot be reverted: ${messageOf(again)}`);
      });
      throw error;
    }
  }

  async undo(): Promise<void> {
    for (const route of this.fresh) void route.close();
    for (const route of this.#moved) await route.release();
    for (const route of this.#inTheWay) await route.listen();
  }

  async #bound(settings: RouteSettings): Promise<Route> {
    const kept = this.#kept.get(settings);
    if (kept?.isListening) return kept;
    const mover = kept ?? this.#inTheWay.find((one) => this.#canMove(one, settings));
    const route = mover ?? (await this.#listeners.make(settings));
    (mover === undefined ? this.fresh : this.#moved).push(route);
    await route.listen(settings.listener.listen);
    return route;
  }

  /** Whether a route whose listener blocks a new one can take that over. */
  #canMove(route: Route, { transport, listener }: RouteSettings): boolean {
    const before = route.settings;
    if (!this.#listeners.serving.includes(route) || this.#moved.includes(route)) return false;
    if (!isBlocked(listener.listen, route) || transport !== before.transport) return false;
    return (
      listener.secretKey === before.listener.secretKey && listener.messageBytes <= route.messageBytesMost
    );
  }
}

/** Port 0 gives another port each time, so there the name decides. */
export function isSameListener(one: RouteSettings, other: RouteSettings): boolean {
  const { listen } = one.listener;
  if (one.transport !== other.transport) return false;
  return listen === other.listener.listen && (!listen.endsWith(':0') || one.name === other.name);
}

function isBlocked(address: string, { settings }: Route): boolean {
  return cannotBothListen(address, settings.listener.listen);
}

/** Refuses changes of settings that libzmq fixes when a listener is bound. */
function refuseFixed(route: Route, { name, listener }: RouteSettings): void {
  if (route.settings.listener.secretKey !== listener.secretKey)
    throw new StartError(
      `route ${name}: the secret key of a listener cannot be changed at run time; restart the sidecar`,
    );
  const most = route.messageBytesMost;
  if (listener.messageBytes <= most) return;
  const words = `limits.messageBytes can be raised to at most ${most} at run time (twice its value at start, and at least 1 MiB)`;
  throw new StartError(`route ${name}: ${words}; restart the sidecar for more`);
}
