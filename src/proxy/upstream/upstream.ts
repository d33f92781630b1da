import { isDeepStrictEqual } from 'node:util';
import type { Discovered, Discovery } from '../../discovery/discovery.ts';
import type { Transport } from '../../transport/transport.ts';
import type { Events } from '../events.ts';
import type { RouteSettings, UpstreamSettings } from '../settings.ts';
import type { UpstreamStatus } from '../status.ts';
import type { Attempt } from './attempt.ts';
import { choose } from './balancer.ts';
import type { Endpoint } from './endpoint.ts';
import { EndpointSet, type EndpointSetOwner } from './endpoint-set.ts';
import type { PendingRequest } from './pending-request.ts';
import { select, wanted } from './selection.ts';
import { WaitingLine } from './waiting-line.ts';

/** A request that has waited until it has fewer than this many usual reply times left is not sent. */
const REPLY_TIME_MARGIN = 1.25;
const NONE: readonly string[] = [];

/** How many requests of the route may be in flight, whatever its endpoints could take. */
interface Room {
  /** Whether any request may be sent for the first time. */
  readonly hasRoom: boolean;
  /** Whether this one may. */
  mayStart(request: PendingRequest): boolean;
}

/** The endpoints that can answer a route's requests, and the requests that wait for one of them. */
export class Upstream implements EndpointSetOwner {
  /** Its list of endpoints may be replaced. For all else another upstream takes over. */
  settings: UpstreamSettings;
  /** Called when it becomes usable or unusable, and when it `isDone`. */
  changed: () => void = () => undefined;
  readonly #set: EndpointSet;
  readonly #room: Room;
  readonly #random: () => number;
  readonly #line = new WaitingLine();
  #isServing = false;
  #mustServeAgain = false;
  /** Whether an endpoint was free, but too slow for those in line, when they were last served. */
  #hasSpare = false;

  /** @param self a name that is unique to this sidecar, to choose the subset that it connects to */
  constructor(
    settings: RouteSettings,
    transport: Transport,
    room: Room,
    events: Events,
    self: string,
    random: () => number = Math.random,
  ) {
    this.settings = settings.upstream;
    this.#room = room;
    this.#random = random;
    this.#set = new EndpointSet(settings, transport, events, self, this, random);
  }

  /** Keeps its endpoints in line with discovery, until `retire` or `close`. */
  async run(discovery: Discovery): Promise<void> {
    await this.#set.run(discovery);
  }

  /** The route has another name. */
  rename(name: string): void {
    this.#set.rename(name);
  }

  /**
   * Applies other settings of endpoints, and another list of them unless it would lose every connected one by that.
   * What stays keeps its connections, and nothing that was learned about it is forgotten.
   */
  adjust(settings: RouteSettings): void {
    const list = this.#newList(settings);
    if (list !== undefined) this.settings = settings.upstream;
    this.#set.adjust({ ...settings, upstream: this.settings }, list);
    this.freed();
  }

  /** Another upstream has taken over: this one takes no more requests, and is done when those in flight have ended. */
  retire(): void {
    const waiting = this.#line.clear();
    this.#set.retire('another upstream has taken over');
    for (const request of waiting) request.usableChanged();
  }

  /** @param why told of its endpoints */
  close(why = 'shutting down'): void {
    this.#set.close(why);
  }

  /** Whether nothing is in flight any more, after `retire`. */
  get isDone(): boolean {
    return this.#set.isDone;
  }

  /** Whether any endpoint is connected. */
  get isUsable(): boolean {
    return this.#set.isUsable;
  }

  /** Since when no endpoint has been usable, if none is. */
  get unusableSinceMs(): number {
    return this.#set.unusableSinceMs;
  }

  set unusableSinceMs(sinceMs: number) {
    this.#set.unusableSinceMs = sinceMs;
  }

  /** Why no endpoint is usable, for the failure reply. */
  get whyUnusable(): string {
    return this.#set.whyUnusable;
  }

  /** Whether requests wait because connected endpoints are full, not because they lack lanes. */
  get isFull(): boolean {
    const { all, ejected } = this.#set;
    const isWanted = wanted(all, ejected);
    return !this.#room.hasRoom || all.every((one) => !isWanted(one) || one.isFull);
  }

  /** Whether the next in line is not sent because of a limit of the route. */
  get isHeldBack(): boolean {
    const { first } = this.#line;
    return first !== undefined && !this.#room.mayStart(first);
  }

  /**
   * Sends the request, if it is next and there is room at an endpoint. Otherwise it joins the line, until it is `granted` or
   * `tooLate`, or leaves it. One that stands in line already stays there.
   */
  send(request: PendingRequest, nowMs: number): Attempt | undefined {
    if (request.line !== undefined) return undefined;
    const endpoint = this.#placeFor(request, nowMs);
    if (endpoint !== undefined) return endpoint.send(request, nowMs);
    // If another one may be sent, whatever could help has been opened or is on its way. A limit of the route may hold all others back.
    const isNext = this.#next === undefined;
    this.#line.join(request);
    if (isNext) this.#grow(nowMs);
    return undefined;
  }

  /**
   * Returns an endpoint for another attempt while one is awaited: one that the request has not tried, and only if nobody is in line. It
   * takes no other attempt's place, and never waits. If one more connection would help next time, it opens one.
   */
  elsewhere(request: PendingRequest, nowMs: number): Endpoint | undefined {
    if (!this.#line.isEmpty) return undefined;
    const isElsewhere = (one: Endpoint) => !one.isCrowded && !hasTried(request, one);
    const free = this.#best((one) => one.isFree && isElsewhere(one), nowMs);
    if (free === undefined) this.#best((one) => one.canGrow && isElsewhere(one), nowMs)?.grow();
    return free;
  }

  /**
   * There may be room now.
   *
   * @param endpoint the endpoint that has it; `undefined`: perhaps all have, because the limit of the route allows more
   */
  freed(endpoint?: Endpoint): void {
    if (this.#line.isEmpty) return;
    this.#mustServeAgain = this.#isServing;
    if (this.#isServing) return;
    this.#isServing = true;
    try {
      this.#serve(endpoint);
      // While it sent some, room has appeared elsewhere.
      while (this.#mustServeAgain) {
        this.#mustServeAgain = false;
        this.#serve();
      }
    } finally {
      this.#isServing = false;
    }
  }

  usableChanged(): void {
    for (const request of this.#line.all) request.usableChanged();
    this.changed();
  }

  emptied(): void {
    this.changed();
  }

  status(nowMs: number): UpstreamStatus {
    return this.#set.status(nowMs);
  }

  /** The list of endpoints in these settings, if it is all that differs from its own, and can replace its own at once. */
  #newList({ upstream, endpoints }: RouteSettings): readonly Discovered[] | undefined {
    const { discovery, connection } = upstream;
    const own = this.settings;
    if (discovery.kind !== 'static' || own.discovery.kind !== 'static') return undefined;
    if (!isDeepStrictEqual(connection, own.connection)) return undefined;
    if (isDeepStrictEqual(discovery, own.discovery)) return undefined;
    const list = discovery.endpoints.map((address) => ({ address }));
    return this.#set.staysUsable(list, endpoints.subset) ? list : undefined;
  }

  /** The next in line, if it may be sent. */
  get #next(): PendingRequest | undefined {
    const { firstRetry, first } = this.#line;
    if (firstRetry !== undefined) return firstRetry;
    return first !== undefined && this.#room.mayStart(first) ? first : undefined;
  }

  /** @param freed the only endpoint that may have room, if that is known */
  #serve(freed?: Endpoint): void {
    const nowMs = performance.now();
    let only = freed;
    this.#hasSpare = false;
    for (let next = this.#next; next !== undefined; next = this.#next) {
      if (only === undefined ? !this.#set.all.some((one) => one.isFree) : !only.isFree) break;
      this.#hasSpare = !this.#grant(next, nowMs) && !this.#grantLast(next, nowMs);
      if (this.#hasSpare) break;
      // The next one may fit where this one did not.
      only = undefined;
    }
    this.#grow(nowMs, only);
  }

  /** Where a request that is not in line can be sent at once. */
  #placeFor(request: PendingRequest, nowMs: number): Endpoint | undefined {
    const { isEmpty } = this.#line;
    if (!isEmpty && this.#line.firstRetry !== undefined) return undefined;
    if (request.attempts.length > 0) return this.#choose(request, nowMs);
    if (!this.#room.mayStart(request)) return undefined;
    if (isEmpty) return this.#choose(request, nowMs);
    // It takes no place from those in line.
    return this.#hasSpare && this.#next !== undefined ? this.#chooseInTime(request, nowMs) : undefined;
  }

  /** The last in line has most time left: a free endpoint may be too slow for the next one, but not for this one. */
  #grantLast(next: PendingRequest, nowMs: number): boolean {
    const { firstRetry, last } = this.#line;
    if (firstRetry !== undefined || last === undefined || last === next) return false;
    return this.#room.mayStart(last) && this.#grant(last, nowMs);
  }

  #choose(
    request: PendingRequest,
    nowMs: number,
    fits?: (endpoint: Endpoint) => boolean,
  ): Endpoint | undefined {
    const { attempts } = request;
    const tried = attempts.length === 0 ? NONE : attempts.map(({ endpoint }) => endpoint.address);
    return select(this.#set.all, this.#set.ejected, tried, fits, this.#random, nowMs);
  }

  #chooseInTime(request: PendingRequest, nowMs: number): Endpoint | undefined {
    return this.#choose(request, nowMs, inTime(request, nowMs));
  }

  /** @returns whether the request has left the line */
  #grant(request: PendingRequest, nowMs: number): boolean {
    const endpoint = this.#chooseForNext(request, nowMs);
    if (endpoint === undefined && !this.#isTooLate(request, nowMs)) return false;
    const attempt = endpoint?.send(request, nowMs);
    request.line?.leave(request);
    if (attempt === undefined) request.tooLate();
    else request.granted(attempt, nowMs);
    return true;
  }

  #chooseForNext(request: PendingRequest, nowMs: number): Endpoint | undefined {
    // Its timer may not have told it yet.
    if (nowMs >= request.deadlineMs) return undefined;
    return request.attempts.length === 0 ? this.#chooseInTime(request, nowMs) : this.#choose(request, nowMs);
  }

  /** Whether its deadline has passed; or there is room, but no endpoint could reply to a first attempt in time, not even a full one. */
  #isTooLate(request: PendingRequest, nowMs: number): boolean {
    if (nowMs >= request.deadlineMs) return true;
    if (request.attempts.length > 0) return false;
    const all = this.#set.all.filter(wanted(this.#set.all, this.#set.ejected));
    return all.some((one) => one.isFree) && !all.some(inTime(request, nowMs));
  }

  /**
   * Opens a lane for those in line. Only one at a time: if they are still in line when it is ready, the next one.
   *
   * @param freed the only endpoint where anything has changed, if that is known
   */
  #grow(nowMs: number, freed?: Endpoint): void {
    if (freed !== undefined && !freed.canGrow) return;
    if (this.#next === undefined) return;
    this.#best((one) => one.canGrow, nowMs)?.grow();
  }

  #best(fits: (endpoint: Endpoint) => boolean, nowMs: number): Endpoint | undefined {
    const isWanted = wanted(this.#set.all, this.#set.ejected);
    return choose(this.#set.all, (one) => fits(one) && isWanted(one), this.#random, nowMs);
  }
}

/** Whether an endpoint is likely to reply before the request's deadline. */
function inTime({ deadlineMs }: PendingRequest, nowMs: number): (endpoint: Endpoint) => boolean {
  const mostMs = (deadlineMs - nowMs) / REPLY_TIME_MARGIN;
  return ({ latency }) => (latency.fadedMs(nowMs) ?? 0) <= mostMs;
}

function hasTried({ attempts }: PendingRequest, { address }: Endpoint): boolean {
  return attempts.some((attempt) => attempt.endpoint.address === address);
}
