import type {
  Discovered,
  Discovery,
  DiscoveryOwner,
  DiscoveryTrouble,
  NoEndpoints,
} from '../../discovery/discovery.ts';
import type { Transport } from '../../transport/transport.ts';
import type { Events } from '../events.ts';
import type { RouteSettings, SubsetSize } from '../settings.ts';
import type { UpstreamStatus } from '../status.ts';
import { DiscoveryState } from './discovery-state.ts';
import { mayEject } from './ejection.ts';
import { Endpoint } from './endpoint.ts';
import type { EndpointOwner } from './endpoint-owner.ts';
import { subset } from './subset.ts';

/** An idle lane is closed after this time, unless it is the first of its endpoint that is connected. */
const LANE_IDLE_MS = 60_000;
const TRIM_EVERY_MS = 10_000;

export interface EndpointSetOwner {
  /** There may be room now: at this endpoint, or at any if a different set of them is used now. */
  freed(endpoint?: Endpoint): void;
  /** It became usable or unusable. */
  usableChanged(): void;
  /** Nothing is left of it, after `retire`. */
  emptied(): void;
}

/** The endpoints of an upstream, kept in line with discovery: those to which this sidecar connects, and those that were removed and still have attempts. */
export class EndpointSet implements EndpointOwner, DiscoveryOwner {
  /** Those in the subset. */
  all: readonly Endpoint[] = [];
  /** How many of them are ejected. */
  ejected = 0;
  /** Since when no endpoint has been usable, if none is. */
  unusableSinceMs = performance.now();
  #settings: RouteSettings;
  readonly #transport: Transport;
  readonly #events: Events;
  readonly #self: string;
  readonly #owner: EndpointSetOwner;
  readonly #random: () => number;
  readonly #stopping = new AbortController();
  /** The set from discovery. */
  #known: readonly Discovered[] = [];
  /** Endpoints that are no longer in the set, but have attempts in flight. */
  readonly #removed = new Set<Endpoint>();
  #standby = 0;
  #up = 0;
  readonly #discovery: DiscoveryState;

  /** @param self a name that is unique to this sidecar, to choose the subset that it connects to */
  constructor(
    settings: RouteSettings,
    transport: Transport,
    events: Events,
    self: string,
    owner: EndpointSetOwner,
    random: () => number,
  ) {
    this.#settings = settings;
    this.#transport = transport;
    this.#events = events;
    this.#self = self;
    this.#owner = owner;
    this.#random = random;
    this.#discovery = new DiscoveryState(settings.name, events);
  }

  /** Keeps its endpoints in line with discovery, until `retire` or `close`. */
  async run(discovery: Discovery): Promise<void> {
    this.#discovery.isFixed = discovery.isFixed;
    const trimming = setInterval(() => this.#trim(performance.now()), TRIM_EVERY_MS).unref();
    try {
      await discovery.run(this, this.#stopping.signal);
    } finally {
      clearInterval(trimming);
    }
  }

  /** The route has another name. */
  rename(name: string): void {
    this.#settings = { ...this.#settings, name };
    this.#discovery.route = name;
    for (const endpoint of [...this.all, ...this.#removed]) endpoint.rename(name);
  }

  /**
   * Applies other settings of endpoints, and another list of them if there is one. Those that stay keep their connections and what was
   * learned about them.
   */
  adjust(settings: RouteSettings, list = this.#known): void {
    this.#settings = settings;
    this.#known = list;
    for (const endpoint of this.all) endpoint.adjust(settings);
    this.#fill();
  }

  /** Whether it stays usable with this list, if it is usable now. */
  staysUsable(list: readonly Discovered[], size: SubsetSize): boolean {
    if (!this.isUsable) return true;
    const chosen = new Set(subset(list, size, this.#self).map(({ address }) => address));
    return this.all.some((one) => one.isUp && chosen.has(one.address));
  }

  /** Takes no more requests. Those in flight may finish. */
  retire(why: string): void {
    this.#stopping.abort();
    for (const endpoint of this.all) this.#remove(endpoint, why);
  }

  /** Ends, and what is in flight fails as lost. */
  close(why: string): void {
    this.retire(why);
    for (const endpoint of this.#removed) endpoint.close();
  }

  /** Whether nothing is in flight any more, after `retire`. */
  get isDone(): boolean {
    return this.#stopping.signal.aborted && this.all.length + this.#removed.size === 0;
  }

  /** Whether any endpoint is connected. */
  get isUsable(): boolean {
    return this.#up > 0;
  }

  /** Why no endpoint is usable, for the failure reply. */
  get whyUnusable(): string {
    const [first, ...others] = this.all;
    if (first === undefined) return this.#discovery.whyNone;
    const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
    return `no endpoint could be reached: ${first.observed.address}: ${first.why}${more}`;
  }

  /** Connects to new endpoints. Endpoints that are no longer in the set get no more requests. */
  found(endpoints: readonly Discovered[], why?: string | NoEndpoints): void {
    if (this.#stopping.signal.aborted) return;
    this.#discovery.found(endpoints.length, why, performance.now());
    this.#known = endpoints;
    this.#fill();
  }

  confirmed(): void {
    this.#discovery.confirmed(this.all.length + this.#standby, performance.now());
  }

  failed(trouble: DiscoveryTrouble): void {
    if (!this.#stopping.signal.aborted) this.#discovery.failed(trouble, performance.now());
  }

  freed(endpoint?: Endpoint): void {
    this.#owner.freed(endpoint);
  }

  turned(endpoint: Endpoint): void {
    this.#count(endpoint.isUp ? 1 : -1);
    // Ejected endpoints are used while no other is up.
    this.#owner.freed();
  }

  mayEject(): boolean {
    return mayEject(this.#settings.endpoints.ejection, this.all.length, this.ejected);
  }

  ejectionTurned(endpoint: Endpoint): void {
    this.ejected += endpoint.isEjected ? 1 : -1;
    // It may have been the last one that was up and not ejected.
    if (endpoint.isEjected) this.#owner.freed();
  }

  gone(endpoint: Endpoint): void {
    this.#removed.delete(endpoint);
    if (this.isDone) this.#owner.emptied();
  }

  status(nowMs: number): UpstreamStatus {
    return {
      isUsable: this.isUsable,
      endpoints: [...this.all, ...this.#removed].map((endpoint) => endpoint.status(nowMs)),
      standby: this.#standby,
      discovery: this.#discovery.status(nowMs),
    };
  }

  /** Connects to the subset of the known endpoints, and drops the others. */
  #fill(): void {
    const chosen = subset(this.#known, this.#settings.endpoints.subset, this.#self);
    this.#standby = this.#known.length - chosen.length;
    const missing = new Map(chosen.map((one) => [one.address, one]));
    for (const endpoint of this.all) {
      const same = missing.get(endpoint.address);
      if (same !== undefined && same.identity === endpoint.identity) {
        missing.delete(endpoint.address);
        endpoint.renew(same);
      } else this.#remove(endpoint, 'no longer in the set');
    }
    // The loss of its last usable endpoint may have retired this upstream.
    if (this.#stopping.signal.aborted) return;
    this.all = [...this.all, ...[...missing.values()].map((one) => this.#make(one))];
  }

  /** Closes lanes that have been idle for a minute, except the first of each endpoint that is connected. */
  #trim(nowMs: number): void {
    for (const endpoint of this.all) endpoint.trim(LANE_IDLE_MS, nowMs);
  }

  #make(discovered: Discovered): Endpoint {
    return new Endpoint(discovered, this.#settings, this, this.#transport, this.#events, this.#random);
  }

  #remove(endpoint: Endpoint, why: string): void {
    // It may be gone already: the removal of the endpoint before it may have retired the upstream.
    if (!this.all.includes(endpoint)) return;
    const wasUp = endpoint.isUp;
    this.all = this.all.filter((one) => one !== endpoint);
    this.#removed.add(endpoint);
    if (endpoint.isEjected) this.ejected--;
    endpoint.terminate(why);
    if (wasUp) this.#count(-1);
    this.#owner.freed();
  }

  #count(change: number): void {
    const wasUsable = this.isUsable;
    this.#up += change;
    if (wasUsable === this.isUsable) return;
    if (wasUsable) this.unusableSinceMs = performance.now();
    this.#owner.usableChanged();
  }
}
