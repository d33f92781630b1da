import type { Discovered, Discovery, DiscoveryFailure, DiscoveryListener } from '../discovery/discovery.ts';
import type { Transport } from '../transport/transport.ts';
import type { Attempt } from './attempt.ts';
import { choose } from './balancer.ts';
import { DiscoveryState } from './discovery-state.ts';
import { mayEject } from './ejection.ts';
import { Endpoint, type EndpointOwner } from './endpoint.ts';
import type { Emit } from './events.ts';
import { Line, type Waiter } from './line.ts';
import type { Load } from './load.ts';
import { select, wanted } from './selection.ts';
import type { Policy, RouteSettings } from './settings.ts';
import type { UpstreamStatus } from './status.ts';
import { subset } from './subset.ts';

/** An idle lane is closed after this time, unless it is the first of its endpoint. */
const LANE_IDLE_MS = 60_000;
const TRIM_EVERY_MS = 10_000;
/** A request that has waited until it has fewer than this many usual reply times left is not sent. */
const HOPE = 1.25;

/** The endpoints that can answer a route's requests, and the requests that wait for one of them. */
export class Upstream implements EndpointOwner, DiscoveryListener {
  /** Called when it becomes usable or unusable, and when it `isDone`. */
  changed: () => void = () => undefined;
  /** Since when no endpoint has been usable, if none is. */
  unusableSinceMs = performance.now();
  #settings: RouteSettings;
  readonly #transport: Transport;
  readonly #load: Load;
  readonly #emit: Emit;
  readonly #self: string;
  readonly #random: () => number;
  readonly #stopping = new AbortController();
  /** The set from discovery. */
  #known: readonly Discovered[] = [];
  #endpoints: Endpoint[] = [];
  /** Endpoints that are no longer in the set, but have attempts in flight. */
  readonly #leaving = new Set<Endpoint>();
  #standby = 0;
  #up = 0;
  #ejected = 0;
  readonly #discovery: DiscoveryState;
  readonly #line = new Line();

  /** @param self a name that is unique to this sidecar, to choose the subset that it connects to */
  constructor(
    settings: RouteSettings,
    transport: Transport,
    load: Load,
    emit: Emit,
    self: string,
    random: () => number = Math.random,
  ) {
    this.#settings = settings;
    this.#transport = transport;
    this.#load = load;
    this.#emit = emit;
    this.#self = self;
    this.#random = random;
    this.#discovery = new DiscoveryState(settings.name, emit);
  }

  /** Keeps its endpoints in line with discovery, until `close`. */
  async run(discovery: Discovery): Promise<void> {
    this.#discovery.isFixed = discovery.isFixed;
    const trimming = setInterval(() => this.trim(performance.now()), TRIM_EVERY_MS).unref();
    try {
      await discovery.run(this, this.#stopping.signal);
    } finally {
      clearInterval(trimming);
    }
  }

  /** Applies a changed policy. Connections stay, and nothing that was learned is forgotten. */
  adjust(policy: Policy): void {
    const { transport, listener, connection } = this.#settings;
    this.#settings = { ...policy, transport, listener, connection };
    this.#discovery.route = policy.name;
    for (const endpoint of this.#endpoints) endpoint.adjust(this.#settings);
    this.#fill();
    this.freed();
  }

  /** Another upstream has taken over: this one takes no more requests, and is done when those in flight have ended. */
  retire(): void {
    this.#stopping.abort();
    for (const endpoint of this.#endpoints) this.#remove(endpoint, 'another upstream has taken over');
    for (const waiter of this.#line.clear()) waiter.usableChanged();
  }

  /** Whether nothing is in flight any more, after `retire`. */
  get isDone(): boolean {
    return this.#stopping.signal.aborted && this.#endpoints.length + this.#leaving.size === 0;
  }

  /** Whether any endpoint is connected. */
  get isUsable(): boolean {
    return this.#up > 0;
  }

  /** Why no endpoint is usable, for the failure reply. */
  get whyUnusable(): string {
    return this.#endpoints.length === 0 ? this.#discovery.whyNone : 'no endpoint could be reached';
  }

  /** Whether requests wait because connected endpoints are full, not because they lack lanes. */
  get isFull(): boolean {
    const isWanted = wanted(this.#endpoints, this.#ejected);
    return !this.#load.hasRoom || this.#endpoints.every((one) => !isWanted(one) || one.isFull);
  }

  /** Connects to new endpoints. Endpoints that are no longer in the set get no more requests. */
  found(endpoints: readonly Discovered[], why?: string): void {
    if (this.#stopping.signal.aborted) return;
    this.#discovery.found(endpoints.length, why, performance.now());
    this.#known = endpoints;
    this.#fill();
  }

  /** Connects to the subset of the known endpoints, and drops the others. */
  #fill(): void {
    const chosen = subset(this.#known, this.#settings.subset, this.#self);
    this.#standby = this.#known.length - chosen.length;
    const missing = new Map(chosen.map((one) => [one.address, one]));
    for (const endpoint of this.#endpoints) {
      if (missing.get(endpoint.address)?.identity === endpoint.identity && missing.delete(endpoint.address))
        continue;
      this.#remove(endpoint, 'no longer in the set');
    }
    // The loss of its last usable endpoint may have retired this upstream.
    if (this.#stopping.signal.aborted) return;
    for (const one of missing.values()) {
      this.#endpoints.push(
        new Endpoint(one, this.#settings, this, this.#transport, this.#emit, this.#random),
      );
    }
  }

  confirmed(): void {
    this.#discovery.confirmed(this.#endpoints.length + this.#standby, performance.now());
  }

  failed(reason: DiscoveryFailure, message: string): void {
    if (!this.#stopping.signal.aborted) this.#discovery.failed(reason, message);
  }

  /** Closes lanes that have been idle for a minute, except the first of each endpoint. */
  trim(nowMs: number): void {
    for (const endpoint of this.#endpoints) endpoint.trim(LANE_IDLE_MS, nowMs);
  }

  /** Returns a place on a lane if there is one. Otherwise the waiter joins the line, until `granted` or `leave`. */
  pick(waiter: Waiter): Attempt | undefined {
    const isNext =
      waiter.tried.length > 0
        ? !this.#line.hasRetries
        : this.#line.isEmpty && this.#load.mayStart(waiter.place);
    const nowMs = performance.now();
    const attempt = isNext ? this.#choose(waiter, nowMs)?.pick(waiter, nowMs) : undefined;
    if (attempt !== undefined) {
      this.#load.start(waiter.place);
      return attempt;
    }
    this.#line.join(waiter);
    this.#grow();
    return undefined;
  }

  /**
   * Returns a place for another attempt while one is awaited: at an endpoint that the request has not tried, and only if nobody is in
   * line. It takes no other attempt's place, and never waits. If one more connection would help next time, it opens one.
   */
  pickElsewhere(waiter: Waiter): Attempt | undefined {
    if (!this.#line.isEmpty) return undefined;
    const isWanted = wanted(this.#endpoints, this.#ejected);
    const nowMs = performance.now();
    const isElsewhere = (one: Endpoint) =>
      !one.isCrowded && isWanted(one) && !waiter.tried.includes(one.address);
    const free = choose(this.#endpoints, (one) => one.isFree && isElsewhere(one), this.#random, nowMs);
    if (free !== undefined) return free.pick(waiter, nowMs);
    choose(this.#endpoints, (one) => one.canGrow && isElsewhere(one), this.#random, nowMs)?.grow();
    return undefined;
  }

  /** The waiter leaves the line. */
  leave(waiter: Waiter): void {
    this.#line.leave(waiter);
  }

  /** There may be room now: at an endpoint, or below the limit of the route. */
  freed(): void {
    if (!this.#line.isEmpty) this.#serve();
  }

  turned(endpoint: Endpoint): void {
    this.#count(endpoint.isUp ? 1 : -1);
  }

  mayEject(): boolean {
    return mayEject(this.#settings.ejection, this.#endpoints.length, this.#ejected);
  }

  ejectionTurned(endpoint: Endpoint): void {
    this.#ejected += endpoint.isEjected ? 1 : -1;
  }

  gone(endpoint: Endpoint): void {
    this.#leaving.delete(endpoint);
    if (this.isDone) this.changed();
  }

  status(nowMs: number): UpstreamStatus {
    return {
      isUsable: this.isUsable,
      endpoints: [...this.#endpoints, ...this.#leaving].map((endpoint) => endpoint.status(nowMs)),
      standby: this.#standby,
      discovery: this.#discovery.status(nowMs),
    };
  }

  /** @param why told of its endpoints */
  close(why = 'shutting down'): void {
    this.#stopping.abort();
    for (const endpoint of [...this.#endpoints]) this.#remove(endpoint, why);
    for (const endpoint of this.#leaving) endpoint.close();
  }

  #count(change: number): void {
    const wasUsable = this.isUsable;
    this.#up += change;
    if (wasUsable === this.isUsable) return;
    if (wasUsable) this.unusableSinceMs = performance.now();
    for (const waiter of this.#line.all) waiter.usableChanged();
    this.changed();
  }

  /** The first in line, if it may be sent. */
  get #first(): Waiter | undefined {
    return this.#line.next(this.#mayStart);
  }

  readonly #mayStart = ({ place }: Waiter): boolean => this.#load.mayStart(place);

  #serve(): void {
    for (let next = this.#first; next !== undefined; next = this.#first) {
      // A request that already has its reply leaves the line only when its own loop continues.
      if (next.isDecided) this.leave(next);
      else if (!this.#grant(next) && !this.#grantLast(next)) return this.#grow();
    }
  }

  /** The last in line has most time left: a free endpoint may be too slow for the first one, but not for this one. */
  #grantLast(first: Waiter): boolean {
    const { last } = this.#line;
    if (last === undefined || last === first || !this.#mayStart(last)) return false;
    return !last.isDecided && this.#grant(last);
  }

  #remove(endpoint: Endpoint, why: string): void {
    // It may be gone already: the removal of the endpoint before it may have retired the upstream.
    if (!this.#endpoints.includes(endpoint)) return;
    const wasUp = endpoint.isUp;
    this.#endpoints = this.#endpoints.filter((one) => one !== endpoint);
    this.#leaving.add(endpoint);
    if (endpoint.isEjected) this.#ejected--;
    endpoint.terminate(why);
    if (wasUp) this.#count(-1);
  }

  #choose({ tried }: Waiter, nowMs: number, fits = (_: Endpoint) => true): Endpoint | undefined {
    return select(this.#endpoints, this.#ejected, tried, fits, this.#random, nowMs);
  }

  /** @returns whether the waiter has left the line */
  #grant(waiter: Waiter): boolean {
    const nowMs = performance.now();
    const hopeMs = (waiter.deadlineMs - nowMs) / HOPE;
    const isInTime = (one: Endpoint) => (one.latency.fadedMs(nowMs) ?? 0) <= hopeMs;
    const isFirst = waiter.tried.length === 0;
    const attempt = this.#choose(waiter, nowMs, isFirst ? isInTime : undefined)?.pick(waiter, nowMs);
    if (attempt === undefined && !(isFirst && this.#isHopeless(isInTime))) return false;
    this.leave(waiter);
    if (attempt === undefined) waiter.hopeless();
    else {
      this.#load.start(waiter.place);
      waiter.granted(attempt);
    }
    return true;
  }

  /** Whether there is room, but no endpoint could reply in time, not even a full one. */
  #isHopeless(isInTime: (endpoint: Endpoint) => boolean): boolean {
    const all = this.#endpoints.filter(wanted(this.#endpoints, this.#ejected));
    return all.some((one) => one.isFree) && !all.some(isInTime);
  }

  /** Opens a lane for those in line. Only one at a time: if they are still in line when it is ready, the next one. */
  #grow(): void {
    if (this.#first === undefined) return;
    const isWanted = wanted(this.#endpoints, this.#ejected);
    choose(this.#endpoints, (one) => one.canGrow && isWanted(one), this.#random, performance.now())?.grow();
  }
}
