import { choose } from './balancer.ts';
import { Endpoint, type EndpointOwner } from './endpoint.ts';
import type { Emit, EndpointStateKind } from './events.ts';
import type { Attempt, Caller } from './lane.ts';
import type { Load, Place } from './load.ts';
import type { RouteSettings } from './settings.ts';
import type { EndpointStatus } from './status.ts';

/** A request that wants to be sent. */
export interface Waiter extends Caller {
  readonly place: Place;
  /** Addresses that it has been sent to; a retry prefers others. */
  readonly tried: readonly string[];
  /** It got its place; not sent yet. */
  granted(attempt: Attempt): void;
  /** Whether any endpoint is usable has changed. */
  usableChanged(): void;
}

/** The endpoints that can answer a route's requests, and the requests that wait for one of them. */
export class Upstream implements EndpointOwner {
  readonly #settings: RouteSettings;
  readonly #load: Load;
  readonly #emit: Emit;
  readonly #random: () => number;
  #endpoints: Endpoint[] = [];
  #up = 0;
  /** In order of arrival; those that have been sent before stand ahead of those that have not. */
  readonly #retries: Waiter[] = [];
  readonly #firsts: Waiter[] = [];

  constructor(settings: RouteSettings, load: Load, emit: Emit, random: () => number = Math.random) {
    this.#settings = settings;
    this.#load = load;
    this.#emit = emit;
    this.#random = random;
  }

  /** Whether any endpoint is connected. */
  get isUsable(): boolean {
    return this.#up > 0;
  }

  /** Whether connected endpoints lack room, not lanes. */
  get isFull(): boolean {
    return !this.#load.mayStart || this.#endpoints.every((one) => one.state.kind !== 'up' || one.isFull);
  }

  /** The set as discovery knows it now: endpoints that are new to it are connected to, others closed. */
  update(addresses: readonly string[]): void {
    const wanted = new Set(addresses);
    for (const endpoint of this.#endpoints) {
      if (!wanted.delete(endpoint.address)) this.#remove(endpoint, 'not in the set any more');
    }
    for (const address of wanted) {
      this.#emit({
        kind: 'endpoint',
        route: this.#settings.name,
        endpoint: address,
        from: 'new',
        to: 'connecting',
        why: 'in the set',
      });
      this.#endpoints.push(new Endpoint(address, this.#settings, this, this.#emit));
    }
  }

  /** A place on a lane for the waiter, now if it can be; else it stands in line, once, until `granted` or `leave`. */
  pick(waiter: Waiter): Attempt | undefined {
    const isRetry = waiter.tried.length > 0;
    const isNext =
      this.#retries.length === 0 && (isRetry || (this.#firsts.length === 0 && this.#load.mayStart));
    const attempt = isNext ? this.#choose(waiter) : undefined;
    if (attempt !== undefined) {
      this.#load.start(waiter.place);
      return attempt;
    }
    const line = isRetry ? this.#retries : this.#firsts;
    if (!line.includes(waiter)) line.push(waiter);
    this.#grow();
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

  turned(endpoint: Endpoint, from: EndpointStateKind): void {
    const wasUsable = this.isUsable;
    if (from === 'up') this.#up--;
    if (endpoint.state.kind === 'up') this.#up++;
    if (wasUsable === this.isUsable) return;
    for (const waiter of [...this.#retries, ...this.#firsts]) waiter.usableChanged();
  }

  status(nowMs: number): EndpointStatus[] {
    return this.#endpoints.map((endpoint) => endpoint.status(nowMs));
  }

  close(): void {
    for (const endpoint of this.#endpoints) this.#remove(endpoint, 'leaving');
  }

  #serve(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      if (!this.#grant(next)) return this.#grow();
    }
  }

  /** Who is first in line, if it may be sent. */
  #next(): Waiter | undefined {
    return this.#retries[0] ?? (this.#load.mayStart ? this.#firsts[0] : undefined);
  }

  #remove(endpoint: Endpoint, why: string): void {
    const from = endpoint.state.kind;
    this.#endpoints = this.#endpoints.filter((one) => one !== endpoint);
    if (from === 'up') this.#up--;
    endpoint.close();
    this.#emit({
      kind: 'endpoint',
      route: this.#settings.name,
      endpoint: endpoint.address,
      from,
      to: 'gone',
      why,
    });
  }

  #choose(waiter: Waiter): Attempt | undefined {
    const nowMs = performance.now();
    const isUntried = (one: Endpoint) => one.isFree && !waiter.tried.includes(one.address);
    const isFree = (one: Endpoint) => one.isFree;
    const fresh = choose(this.#endpoints, waiter.tried.length > 0 ? isUntried : isFree, this.#random, nowMs);
    const endpoint =
      fresh ?? (waiter.tried.length > 0 ? choose(this.#endpoints, isFree, this.#random, nowMs) : undefined);
    return endpoint?.pick(waiter);
  }

  #grant(waiter: Waiter): boolean {
    const attempt = this.#choose(waiter);
    if (attempt === undefined) return false;
    this.leave(waiter);
    this.#load.start(waiter.place);
    waiter.granted(attempt);
    return true;
  }

  /** Those in line want more lanes: one is opened at a time, and when it is there and they are still in line, the next. */
  #grow(): void {
    if (!this.#load.mayStart && this.#retries.length === 0) return;
    choose(this.#endpoints, (one) => one.canGrow, this.#random, performance.now())?.grow();
  }
}
