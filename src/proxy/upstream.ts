import type { Discovered, Discovery, DiscoveryFailure, DiscoveryListener } from '../discovery/discovery.ts';
import type { Attempt, Caller } from './attempt.ts';
import { choose } from './balancer.ts';
import { DiscoveryState } from './discovery-state.ts';
import { mayEject } from './ejection.ts';
import { Endpoint, type EndpointOwner } from './endpoint.ts';
import type { Emit } from './events.ts';
import type { Load, Place } from './load.ts';
import type { RouteSettings } from './settings.ts';
import type { UpstreamStatus } from './status.ts';
import { subset } from './subset.ts';

/** A request that wants to be sent. */
export interface Waiter extends Caller {
  readonly place: Place;
  readonly deadlineMs: number;
  /** Whether it needs no place any more. */
  readonly isDecided: boolean;
  /** Addresses that it has been sent to; a retry prefers others. */
  readonly tried: readonly string[];
  /** It got its place; not sent yet. */
  granted(attempt: Attempt): void;
  /** It will be past its deadline before a reply is likely, so it is not sent at all; it stands in line no more. */
  hopeless(): void;
  /** Whether any endpoint is usable has changed. */
  usableChanged(): void;
}

/** A lane beyond an endpoint's first that has had nothing to do for so long is closed. */
const LANE_IDLE_MS = 60_000;
const TRIM_EVERY_MS = 10_000;
/** A request that has stood in line until it has less than so many usual reply times left is not sent any more. */
const HOPE = 1.25;

/** The endpoints that can answer a route's requests, and the requests that wait for one of them. */
export class Upstream implements EndpointOwner, DiscoveryListener {
  readonly #settings: RouteSettings;
  readonly #load: Load;
  readonly #emit: Emit;
  readonly #self: string;
  readonly #random: () => number;
  readonly #stopping = new AbortController();
  readonly #becameUsable = Promise.withResolvers<void>();
  #endpoints: Endpoint[] = [];
  /** Those that are not in the set any more and have attempts in flight. */
  readonly #leaving = new Set<Endpoint>();
  #standby = 0;
  #up = 0;
  #ejected = 0;
  readonly #discovery: DiscoveryState;
  /** In order of arrival; those that have been sent before stand ahead of those that have not. */
  readonly #retries: Waiter[] = [];
  readonly #firsts: Waiter[] = [];

  /** @param self what tells this sidecar from others, for the subset that it connects to */
  constructor(
    settings: RouteSettings,
    load: Load,
    emit: Emit,
    self: string,
    random: () => number = Math.random,
  ) {
    this.#settings = settings;
    this.#load = load;
    this.#emit = emit;
    this.#self = self;
    this.#random = random;
    this.#discovery = new DiscoveryState(settings.name, emit);
  }

  /** Keeps its endpoints as discovery knows them, until `close`. */
  async run(discovery: Discovery): Promise<void> {
    this.#discovery.isFixed = discovery.isFixed;
    const trimming = setInterval(() => this.trim(performance.now()), TRIM_EVERY_MS).unref();
    try {
      await discovery.run(this, this.#stopping.signal);
    } finally {
      clearInterval(trimming);
    }
  }

  /** Resolves when an endpoint is connected for the first time. */
  get usable(): Promise<void> {
    return this.#becameUsable.promise;
  }

  /** Whether any endpoint is connected. */
  get isUsable(): boolean {
    return this.#up > 0;
  }

  /** Why no request can be sent, where none is usable; for the app. */
  get whyUnusable(): string {
    return this.#endpoints.length === 0 ? this.#discovery.whyNone : 'no endpoint could be reached';
  }

  /** Whether connected endpoints lack room, not lanes. */
  get isFull(): boolean {
    const isWanted = this.#wanted();
    return !this.#load.mayStart || this.#endpoints.every((one) => !isWanted(one) || one.isFull);
  }

  /** New endpoints are connected to, those that are not there any more get nothing new. */
  found(endpoints: readonly Discovered[], why?: string): void {
    if (this.#stopping.signal.aborted) return;
    this.#discovery.found(endpoints.length, why, performance.now());
    const chosen = subset(endpoints, this.#settings.subset, this.#self);
    this.#standby = endpoints.length - chosen.length;
    const wanted = new Map(chosen.map((one) => [one.address, one]));
    for (const endpoint of this.#endpoints) {
      if (wanted.get(endpoint.address)?.identity === endpoint.identity && wanted.delete(endpoint.address))
        continue;
      this.#remove(endpoint, 'not in the set any more');
    }
    for (const one of wanted.values()) {
      this.#endpoints.push(new Endpoint(one, this.#settings, this, this.#emit, this.#random));
    }
  }

  confirmed(): void {
    this.#discovery.confirmed(this.#endpoints.length + this.#standby, performance.now());
  }

  failed(reason: DiscoveryFailure, message: string): void {
    if (!this.#stopping.signal.aborted) this.#discovery.failed(reason, message);
  }

  /** Closes what has been idle for a minute, beyond the first lane of each endpoint. */
  trim(nowMs: number): void {
    for (const endpoint of this.#endpoints) endpoint.trim(LANE_IDLE_MS, nowMs);
  }

  /** A place on a lane for the waiter, now if it can be; else it stands in line, once, until `granted` or `leave`. */
  pick(waiter: Waiter): Attempt | undefined {
    const isRetry = waiter.tried.length > 0;
    const isNext =
      this.#retries.length === 0 && (isRetry || (this.#firsts.length === 0 && this.#load.mayStart));
    const nowMs = performance.now();
    const attempt = isNext ? this.#choose(waiter, nowMs)?.pick(waiter, nowMs) : undefined;
    if (attempt !== undefined) {
      this.#load.start(waiter.place);
      return attempt;
    }
    const line = isRetry ? this.#retries : this.#firsts;
    if (!line.includes(waiter)) line.push(waiter);
    this.#grow();
    return undefined;
  }

  /**
   * A place for another attempt while one is awaited: at an endpoint that the request has not tried, and only if nobody
   * stands in line. It takes no other attempt's place, and never waits; where a connection more would help the next time, one is opened.
   */
  pickElsewhere(waiter: Waiter): Attempt | undefined {
    if (this.#retries.length + this.#firsts.length > 0) return undefined;
    const isWanted = this.#wanted();
    const nowMs = performance.now();
    const isElsewhere = (one: Endpoint) =>
      !one.isCrowded && isWanted(one) && !waiter.tried.includes(one.address);
    const free = choose(this.#endpoints, (one) => one.isFree && isElsewhere(one), this.#random, nowMs);
    if (free !== undefined) return free.pick(waiter, nowMs);
    choose(this.#endpoints, (one) => one.canGrow && isElsewhere(one), this.#random, nowMs)?.grow();
    return undefined;
  }

  /** The waiter stands in line no more. */
  leave(waiter: Waiter): void {
    for (const line of [this.#retries, this.#firsts]) {
      const index = line.indexOf(waiter);
      // The first one mostly, which `shift` takes away without moving the others.
      if (index === 0) line.shift();
      else if (index > 0) line.splice(index, 1);
    }
  }

  /** There may be room now: for another attempt at an endpoint, or below the route's own cap. */
  freed(): void {
    if (this.#retries.length + this.#firsts.length > 0) this.#serve();
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
  }

  status(nowMs: number): UpstreamStatus {
    return {
      isUsable: this.isUsable,
      endpoints: [...this.#endpoints, ...this.#leaving].map((endpoint) => endpoint.status(nowMs)),
      standby: this.#standby,
      discovery: this.#discovery.status(nowMs),
    };
  }

  close(): void {
    this.#stopping.abort();
    for (const endpoint of [...this.#endpoints]) this.#remove(endpoint, 'leaving');
    for (const endpoint of this.#leaving) endpoint.close();
  }

  #count(change: number): void {
    const wasUsable = this.isUsable;
    this.#up += change;
    if (wasUsable === this.isUsable) return;
    if (this.isUsable) this.#becameUsable.resolve();
    for (const waiter of [...this.#retries, ...this.#firsts]) waiter.usableChanged();
  }

  #serve(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      // One that has its reply leaves the line only when its own turn of the loop comes.
      if (next.isDecided) this.leave(next);
      else if (!this.#grant(next) && !this.#grantLast(next)) return this.#grow();
    }
  }

  /** Who came last has most time left: what is free may be too slow for the first in line, and not for this one. */
  #grantLast(first: Waiter): boolean {
    const last = this.#firsts.at(-1);
    if (last === undefined || last === first || this.#retries.length > 0) return false;
    return !last.isDecided && this.#grant(last);
  }

  /** Who is first in line, if it may be sent. */
  #next(): Waiter | undefined {
    return this.#retries[0] ?? (this.#load.mayStart ? this.#firsts[0] : undefined);
  }

  #remove(endpoint: Endpoint, why: string): void {
    const wasUp = endpoint.isUp;
    this.#endpoints = this.#endpoints.filter((one) => one !== endpoint);
    this.#leaving.add(endpoint);
    if (endpoint.isEjected) this.#ejected--;
    endpoint.terminate(why);
    if (wasUp) this.#count(-1);
  }

  /** Two random choices among those that are free, first among those that this request has not tried. */
  #choose(waiter: Waiter, nowMs: number, fits = (_: Endpoint) => true): Endpoint | undefined {
    const isFitting = (one: Endpoint) => one.isFree && fits(one);
    const probed =
      this.#ejected > 0 ? this.#endpoints.find((one) => isFitting(one) && one.isProbeDue(nowMs)) : undefined;
    if (probed !== undefined) return probed;
    const isWanted = this.#wanted();
    const isFree = (one: Endpoint) => isFitting(one) && isWanted(one);
    const isUntried = (one: Endpoint) => isFree(one) && !waiter.tried.includes(one.address);
    const fresh = choose(this.#endpoints, waiter.tried.length > 0 ? isUntried : isFree, this.#random, nowMs);
    if (fresh !== undefined || waiter.tried.length === 0) return fresh;
    return choose(this.#endpoints, isFree, this.#random, nowMs);
  }

  /** Which endpoints to use: the ejected are left out while another is up; where none is, what there is must do. */
  #wanted(): (endpoint: Endpoint) => boolean {
    const mayLeaveOut = this.#ejected > 0 && this.#endpoints.some((one) => one.isUp && !one.isEjected);
    return mayLeaveOut ? (one) => one.isUp && !one.isEjected : (one) => one.isUp;
  }

  /** @returns whether the waiter stands in line no more */
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

  /** Whether there is room, and no endpoint that could reply in time, had it room or not. */
  #isHopeless(isInTime: (endpoint: Endpoint) => boolean): boolean {
    const wanted = this.#endpoints.filter(this.#wanted());
    return wanted.some((one) => one.isFree) && !wanted.some(isInTime);
  }

  /** Those in line want more lanes: one is opened at a time, and when it is there and they are still in line, the next. */
  #grow(): void {
    if (!this.#load.mayStart && this.#retries.length === 0) return;
    const isWanted = this.#wanted();
    choose(this.#endpoints, (one) => one.canGrow && isWanted(one), this.#random, performance.now())?.grow();
  }
}
