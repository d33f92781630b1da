import { isDeepStrictEqual } from 'node:util';
import type { Discovery } from '../discovery/discovery.ts';
import type { DiscoverySettings } from '../discovery/discovery-settings.ts';
import { StartError } from '../errors.ts';
import { type Body, NO_BODY } from '../transport/message.ts';
import type { Client, ListenerOwner, Refusal, Transport } from '../transport/transport.ts';
import { Delivery } from './client/delivery.ts';
import { Frontend } from './client/frontend.ts';
import { type Refused, Turns, type TurnsOwner } from './client/turns.ts';
import type { Events } from './events.ts';
import { CUT, DRAINING, type Failure, GONE, TOO_MANY, TOO_MANY_FRAMES } from './outcome.ts';
import { Admission } from './request/admission.ts';
import { RetryBudget } from './request/budget.ts';
import { LazyPirate } from './request/lazy-pirate.ts';
import { Request } from './request/request.ts';
import { takeTraceParent } from './request/trace-parent.ts';
import type { RequestSettings, RouteSettings } from './settings.ts';
import type { RouteStatus } from './status.ts';
import { Succession } from './upstream/succession.ts';
import { Upstream } from './upstream/upstream.ts';

/** How long replies may take to go out after the route is closed. */
const LINGER_MS = 1_000;

/** One listener, with one upstream and one policy at a time. Every request that it receives gets exactly one outcome. */
export class Route implements ListenerOwner, TurnsOwner {
  readonly #transport: Transport;
  readonly #discoveryOf: (settings: DiscoverySettings) => Discovery;
  readonly #events: Events;
  readonly #self: string;
  readonly #admission: Admission;
  readonly #budget: RetryBudget;
  readonly #frontend: Frontend;
  readonly #clients = new Set<Turns>();
  readonly #pirate: LazyPirate;
  readonly #delivery: Delivery;
  readonly #upstreams: Succession;
  /** Resolves when it is closed. Rejects on a bug in an upstream. */
  readonly #closed = Promise.withResolvers<void>();
  #settings: RouteSettings;
  /** Tells its requests from those of every other route that has had its name: after a restart, and in other pods. */
  readonly #mark = Array.from({ length: 6 }, () => Math.floor(Math.random() * 36).toString(36)).join('');
  /** What the ids of its requests begin with. */
  #run: string;
  /** How many requests have arrived. */
  #received = 0;
  /** When the last one did; or when the route was made. */
  #receivedMs = performance.now();
  /** `refusing`: what comes is refused, and what is under way goes on. `cut`: nothing is waited for any more. */
  #state: 'serving' | 'refusing' | 'cut' = 'serving';

  /** @param self a name that is unique to this sidecar, to choose the subset of endpoints that it connects to */
  constructor(
    settings: RouteSettings,
    transport: Transport,
    discoveryOf: (settings: DiscoverySettings) => Discovery,
    events: Events,
    self = '',
  ) {
    this.#settings = settings;
    this.#run = `${settings.name}.${this.#mark}`;
    this.#transport = transport;
    this.#discoveryOf = discoveryOf;
    this.#events = events;
    this.#self = self;
    this.#frontend = new Frontend(transport, this);
    this.#admission = new Admission(settings.requests.limits);
    this.#budget = new RetryBudget(settings.requests.budget, performance.now());
    const upstream = this.#makeUpstream(settings);
    this.#delivery = new Delivery(settings, this.#admission, events);
    this.#pirate = new LazyPirate(settings, upstream, this.#budget, this.#admission, events, this.#delivery);
    this.#upstreams = new Succession(settings.name, upstream, events, (next) => {
      this.#pirate.upstream = next;
    });
  }

  get name(): string {
    return this.#settings.name;
  }

  /** The largest `limits.messageBytes` that can be applied. */
  get messageBytesMost(): number {
    return this.#frontend.messageBytesMost;
  }

  get settings(): RouteSettings {
    return this.#settings;
  }

  get inFlightPerClient(): number {
    return this.#settings.requests.inFlightPerClient;
  }

  /**
   * Listens where the settings say, or at another address after `release`.
   *
   * @throws {StartError} if it cannot listen there
   */
  async listen(address = this.#settings.listener.listen): Promise<void> {
    try {
      const bound = await this.#frontend.listen(address, this.#settings.listener);
      this.#events.emit('listening', { route: this.name, address: bound });
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      throw new StartError(`route ${this.name}: ${error.message}`, { cause: error });
    }
  }

  /** Frees the address. Apps that are connected stay so, if the transport can keep them. */
  async release(): Promise<void> {
    await this.#frontend.release();
  }

  get isListening(): boolean {
    return this.#frontend.address !== undefined;
  }

  /** Serves the app until `close`. */
  async run(): Promise<void> {
    this.#supply(this.#upstreams.current);
    await this.#closed.promise;
  }

  /**
   * Applies other settings on the same listener: each group goes to its owner if it has changed. Requests in progress keep the policy that
   * they arrived under. If they need a new upstream, the old one is used until the new one is connected, or until the old one is no longer
   * usable.
   */
  apply(settings: RouteSettings): void {
    if (this.#state === 'cut') return;
    const before = this.#settings;
    const hasChanged = (group: keyof RouteSettings) => !isDeepStrictEqual(settings[group], before[group]);
    this.#settings = this.#pirate.settings = this.#delivery.settings = settings;
    this.#run = `${settings.name}.${this.#mark}`;
    const { name, requests } = settings;
    if (hasChanged('name')) {
      this.#events.emit('renamed', { route: name, was: before.name });
      this.#upstreams.rename(name);
    }
    if (hasChanged('listener')) this.#frontend.change(settings.listener);
    if (hasChanged('endpoints') || hasChanged('upstream')) this.#upstreams.adjust(settings);
    if (hasChanged('requests')) this.#admit(requests);
    if (!this.#upstreams.keep(settings.upstream)) this.#add(this.#makeUpstream(settings));
  }

  /** Whether every request received has its outcome. */
  get isSettled(): boolean {
    return this.#admission.isEmpty;
  }

  /** How long it has been idle, if it `isSettled`. */
  idleMs(nowMs: number): number {
    return nowMs - Math.max(this.#receivedMs, this.#delivery.lastMs);
  }

  /** From now on every new request gets a `DRAINING` failure. Those in progress go on. */
  refuse(): void {
    if (this.#state === 'serving') this.#state = 'refusing';
  }

  /** Serves again after `refuse`. */
  accept(): void {
    if (this.#state === 'refusing') this.#state = 'serving';
  }

  /** From now on every request gets a `DRAINING` failure, including those in progress. */
  cut(): void {
    this.#state = 'cut';
    for (const turns of this.#clients) for (const request of [...turns.inFlight]) request.fail(CUT);
  }

  /** Ends, cutting requests in progress. Resolves when the last replies have been sent, or after a second. */
  async close(): Promise<void> {
    this.cut();
    this.#upstreams.close();
    this.#closed.resolve();
    await this.#frontend.close(LINGER_MS);
  }

  status(nowMs = performance.now()): RouteStatus {
    const { queued, queuedBytes, inFlight, inFlightBytes, unsent, answering } = this.#admission;
    return {
      settings: this.#settings,
      listening: this.#frontend.address,
      queued,
      queuedBytes,
      inFlight,
      inFlightBytes,
      retriesLeft: this.#budget.left(nowMs),
      unsent,
      answering,
      ...this.#upstreams.status(nowMs),
    };
  }

  malformed({ address }: Turns): void {
    this.#events.emit('malformed', { route: this.name, address });
  }

  refused(refusal: Refusal): void {
    this.#events.emit('refusedClient', { route: this.name, ...refusal });
  }

  joined(client: Client): Turns {
    const turns = new Turns(client, this);
    this.#clients.add(turns);
    return turns;
  }

  left(turns: Turns): void {
    this.#clients.delete(turns);
    for (const request of [...turns.inFlight]) this.#pirate.abandon(request);
  }

  received(turns: Turns, envelope: Buffer, body: Body, bytes: number, refused?: Refused): Request {
    const arrivedMs = performance.now();
    this.#receivedMs = arrivedMs;
    const number = ++this.#received;
    const { retry: policy, limits, traceFrame } = this.#settings.requests;
    const refusal = this.#refusal(bytes, refused);
    const told =
      traceFrame === undefined || refused !== undefined ? undefined : takeTraceParent(body, traceFrame);
    // Nobody needs the body of a request that is refused.
    const kept = refusal === undefined ? (told?.body ?? body) : NO_BODY;
    // A request whose frames alone exceed the queue still fits into an empty one.
    const weight = Math.min(envelope.length + kept.weight, limits.queueBytes);
    const run = this.#run;
    const arrival = { number, run, client: turns, envelope, body: kept, bytes, weight, arrivedMs, policy };
    const request = new Request(arrival, this.#pirate);
    request.failure = refusal;
    request.traceParent = told?.parent;
    this.#events.emit('received', request);
    if (refused === 'overflow' || !this.#admission.enter(request)) {
      request.failure ??= TOO_MANY;
      this.#admission.fail(request);
    }
    return request;
  }

  begin(request: Request): void {
    if (this.#state === 'cut') request.failure = DRAINING;
    else if (request.client.hasLeft) request.failure ??= GONE;
    this.#pirate.begin(request, performance.now());
  }

  /** Why a new request is not forwarded at all, if so. */
  #refusal(bytes: number, refused: Refused | undefined): Failure | undefined {
    if (this.#state !== 'serving') return DRAINING;
    if (refused === undefined) return undefined;
    if (refused === 'overflow') return TOO_MANY;
    const { messageBytes } = this.#settings.listener;
    if (bytes <= messageBytes) return TOO_MANY_FRAMES;
    const message = `the request has ${bytes} bytes; at most ${messageBytes} are allowed`;
    return { code: 'TOO_LARGE', message };
  }

  #admit({ limits, budget }: RequestSettings): void {
    this.#admission.limits = limits;
    this.#budget.adjust(budget, performance.now());
    this.#upstreams.current.freed();
    for (const turns of this.#clients) turns.startNext();
  }

  #add(upstream: Upstream): void {
    this.#upstreams.add(upstream);
    this.#supply(upstream);
  }

  #supply(upstream: Upstream): void {
    upstream.run(this.#discoveryOf(upstream.settings.discovery)).catch(this.#closed.reject);
  }

  #makeUpstream(settings: RouteSettings): Upstream {
    return new Upstream(settings, this.#transport, this.#admission, this.#events, this.#self);
  }
}
