import type { Discovery } from '../discovery/discovery.ts';
import { RetryBudget } from './budget.ts';
import { Clients, type Request, type Turn } from './clients.ts';
import { sizeOf, weightOf } from './envelope.ts';
import type { Cause, Emit } from './events.ts';
import { type FailureCode, failureFrames } from './failure.ts';
import { Forwarder, type Settled } from './forwarder.ts';
import { Frontend, type FrontendOwner } from './frontend.ts';
import { Load, type Place } from './load.ts';
import type { RetryPolicy, RouteSettings } from './settings.ts';
import type { RouteStatus } from './status.ts';
import { Succession } from './succession.ts';
import { Upstream } from './upstream.ts';

/** A request and its place in the route's load. */
interface Guest extends Request, Turn {
  readonly place: Place;
  /** The policy that was in force when it arrived. */
  readonly retry: RetryPolicy;
  /** Set if its body was dropped at once: it only gets this failure reply when its turn comes. */
  readonly refusal: Settled | undefined;
}

/** One listener, with one upstream and one policy at a time. Every request that it receives gets exactly one outcome. */
export class Route implements FrontendOwner {
  readonly #discovery: Discovery;
  readonly #emit: Emit;
  readonly #self: string;
  readonly #load: Load;
  readonly #budget: RetryBudget;
  readonly #frontend: Frontend;
  readonly #clients: Clients<Guest>;
  readonly #forwarder: Forwarder;
  readonly #upstreams: Succession;
  /** Rejects on a bug in an upstream; never resolves. */
  readonly #failing = Promise.withResolvers<never>();
  /**
   * All that one client has asked may be answered at once, and it counts on none of these replies being left out; nor on any
   * refusal, of which there may be more. The listener keeps so many, so a client may have so many requests, however large a reload makes the queue.
   */
  readonly #unreadPerClient: number;
  #settings: RouteSettings;
  #listening: string | undefined;
  /** When a request last arrived or got its outcome. */
  #lastWorkMs = performance.now();
  /** `refusing`: what comes is refused, and what is under way goes on. `cut`: nothing is waited for any more. */
  #state: 'serving' | 'refusing' | 'cut' = 'serving';

  /** @param self a name that is unique to this sidecar, to choose the subset of endpoints that it connects to */
  constructor(settings: RouteSettings, discovery: Discovery, emit: Emit, self = '') {
    this.#settings = settings;
    this.#discovery = discovery;
    this.#emit = emit;
    this.#self = self;
    this.#load = new Load(settings.limits);
    this.#budget = new RetryBudget(settings.budget, performance.now());
    const upstream = new Upstream(settings, this.#load, emit, self);
    this.#forwarder = new Forwarder(settings, upstream, this.#budget, this.#load, emit);
    this.#upstreams = new Succession(settings.name, upstream, emit, (next) => {
      this.#forwarder.upstream = next;
    });
    const { name, listener, limits } = settings;
    const { messageBytes, inFlightPerClient } = limits;
    this.#unreadPerClient = Math.max(UNREAD_LEAST, limits.queue + inFlightPerClient);
    const unreadPerClient = this.#unreadPerClient;
    this.#frontend = new Frontend({ name, ...listener, messageBytes, unreadPerClient }, this);
    this.#clients = new Clients<Guest>(inFlightPerClient, {
      start: (guest) => void this.#serve(guest),
      refuse: (guest) =>
        void this.#settle(guest, failure('OVERLOADED', 'too many requests are already waiting')),
      hurry: (client, deadlineMs) => this.#forwarder.hurry(client, deadlineMs),
    });
  }

  /** The largest `limits.messageBytes` that can be applied: libzmq fixes the listener's own limit when it is bound (zmq_setsockopt). */
  get messageBytesMost(): number {
    return this.#frontend.maxMessageBytes;
  }

  get settings(): RouteSettings {
    return this.#settings;
  }

  /** @throws {StartError} if it cannot listen */
  async bind(): Promise<void> {
    this.#listening = await this.#frontend.bind();
    this.#emit({ kind: 'listening', route: this.#settings.name, address: this.#listening });
  }

  /** Stops listening, and drops all connections of apps. */
  async release(): Promise<void> {
    await this.#frontend.release();
  }

  /**
   * Listens on another address, after `release`.
   *
   * @throws {StartError} if it cannot listen there
   */
  async listenAt(listen: string): Promise<void> {
    this.#listening = await this.#frontend.listenAt(listen);
    this.#emit({ kind: 'listening', route: this.#settings.name, address: this.#listening });
  }

  /** Serves the app until `close`. */
  async run(): Promise<void> {
    this.#supply(this.#upstreams.current, this.#discovery);
    await Promise.race([this.#frontend.run(), this.#failing.promise]);
  }

  /**
   * Applies other settings on the same listener. Requests in progress keep the settings that they arrived under. If there is a
   * new upstream, the old one is used until the new one is connected, or until the old one is no longer usable.
   *
   * @param discovery the discovery of the new upstream; `undefined` if the upstream stays the same
   */
  apply(settings: RouteSettings, discovery: Discovery | undefined): void {
    if (this.#state === 'cut') return;
    const { name, limits, budget, listener } = settings;
    if (name !== this.#settings.name)
      this.#emit({ kind: 'renamed', route: name, unsettled: this.#load.unsettled });
    this.#settings = settings;
    this.#frontend.mode = listener.mode;
    this.#frontend.allowedKeys = listener.curve?.allowedKeys ?? [];
    this.#load.limits = limits;
    this.#budget.adjust(budget, performance.now());
    this.#forwarder.policy = settings;
    this.#upstreams.adjust(settings);
    this.#clients.limit = limits.inFlightPerClient;
    if (discovery === undefined) return;
    const upstream = new Upstream(settings, this.#load, this.#emit, this.#self);
    this.#upstreams.add(upstream);
    this.#supply(upstream, discovery);
  }

  /** Whether another upstream will take over as soon as it is connected. */
  get isSwitching(): boolean {
    return this.#upstreams.next !== undefined;
  }

  /** Keeps the current upstream, and gives up one that was waiting to take over. */
  stay(): void {
    this.#upstreams.stay();
  }

  /** Whether every request received has its outcome. */
  get isSettled(): boolean {
    return this.#load.isEmpty;
  }

  /** How long it has been idle, if it `isSettled`. */
  idleMs(nowMs: number): number {
    return nowMs - this.#lastWorkMs;
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
  leave(): void {
    this.#state = 'cut';
    this.#forwarder.cut();
  }

  /** Ends immediately, cutting requests in progress. */
  close(): void {
    this.leave();
    this.#frontend.close();
    this.#upstreams.close();
  }

  /** Closes idle lanes. This also happens automatically every few seconds. */
  trim(nowMs: number): void {
    this.#upstreams.current.trim(nowMs);
  }

  status(nowMs = performance.now()): RouteStatus {
    const { queued, queuedBytes, inFlight, refused, ended } = this.#load;
    return {
      settings: this.#settings,
      listening: this.#listening,
      queued,
      queuedBytes,
      inFlight,
      refused,
      ended,
      ...this.#upstreams.status(nowMs),
    };
  }

  malformed(): void {
    this.#emit({ kind: 'malformed', route: this.#settings.name });
  }

  refused(key: string | undefined, address: string): void {
    this.#emit({ kind: 'refusedClient', route: this.#settings.name, key, address });
  }

  request(request: Request): void {
    const { client, head, bytes, arrivedMs } = request;
    const { name, limits, retry } = this.#settings;
    const refusal = this.#refusal(bytes);
    this.#lastWorkMs = arrivedMs;
    this.#emit({ kind: 'received', route: name, bytes });
    const isOver = this.#clients.countOf(client) >= this.#unreadPerClient;
    const mayEnter = !isOver && !this.#clients.isOwedRefusal(client);
    const waiting = this.#clients.waitingOf(client) ?? { queued: 0 };
    const kept = refusal === undefined ? request.body : [];
    // A request whose frames alone exceed the queue still fits into an empty one.
    const weight = Math.min(weightOf(head, kept), limits.queueBytes);
    const entered = mayEnter ? this.#load.enter(weight, waiting) : undefined;
    const place = entered ?? this.#load.refuse();
    const body = entered === undefined ? [] : kept;
    const deadlineMs = arrivedMs + retry.deadlineMs;
    const guest: Guest = { client, head, body, bytes, arrivedMs, deadlineMs, retry, refusal, place };
    if (entered === undefined) this.#clients.refuse(guest);
    else this.#clients.arrive(guest);
  }

  /** Handles a request from its turn to its outcome. */
  async #serve(guest: Guest): Promise<void> {
    const { body, place, arrivedMs, retry, deadlineMs } = guest;
    try {
      const refusal = this.#state === 'cut' ? LEAVING : guest.refusal;
      await this.#settle(
        guest,
        refusal ?? (await this.#forwarder.forward(body, place, arrivedMs, retry, deadlineMs)),
      );
    } catch (error) {
      this.#emit({ kind: 'internalError', route: this.#settings.name, error });
      const message = 'internal error in the sidecar; see its log';
      await this.#settle(guest, failure('INTERNAL', message, 'maybe'));
    } finally {
      this.#lastWorkMs = performance.now();
      this.#clients.done(guest);
    }
  }

  /** Why a new request is not forwarded at all, if so. */
  #refusal(bytes: number): Settled | undefined {
    const { messageBytes } = this.#settings.limits;
    if (this.#state !== 'serving') return LEAVING;
    if (bytes <= messageBytes) return undefined;
    return failure('TOO_LARGE', `the request has ${bytes} bytes; at most ${messageBytes} are allowed`);
  }

  #supply(upstream: Upstream, discovery: Discovery): void {
    upstream.run(discovery).catch(this.#failing.reject);
  }

  /** Sends the outcome to the app, and emits it as an event. */
  async #settle(guest: Guest, result: Settled): Promise<void> {
    const elapsedMs = performance.now() - guest.arrivedMs;
    const { attempts, endpoint } = result;
    const isReply = result.kind === 'reply';
    const body = isReply ? result.body : this.#failureBody(result, elapsedMs);
    const isTaken = body === undefined || (await this.#frontend.reply(guest, body));
    const cause = causeOf(result);
    // Whoever looks at load and events together sees each request in one of them, never in both or neither.
    this.#load.leave(guest.place);
    this.#emit({
      kind: 'settled',
      route: this.#settings.name,
      outcome: isTaken ? cause : 'client_gone',
      cause,
      request: {
        attempts,
        endpoint,
        elapsedMs,
        executed: isReply ? 'yes' : result.executed,
        requestBytes: guest.bytes,
        replyBytes: isReply && isTaken ? sizeOf(result.body) : 0,
      },
    });
  }

  #failureBody(result: Extract<Settled, { kind: 'failure' }>, elapsedMs: number): Buffer[] | undefined {
    const { code, message, attempts, executed } = result;
    const facts = { code, message, route: this.#settings.name, attempts, executed, elapsedMs };
    return failureFrames(facts, this.#settings.failureReply);
  }
}

/** The default of libzmq. */
const UNREAD_LEAST = 1_000;

function failure(code: FailureCode, message: string, executed: 'no' | 'maybe' = 'no'): Settled {
  return { kind: 'failure', code, message, executed, attempts: 0, endpoint: undefined };
}

const LEAVING = failure('DRAINING', 'the sidecar is shutting down');

function causeOf(result: Settled): Cause {
  return result.kind === 'reply' ? 'ok' : (result.code.toLowerCase() as Lowercase<FailureCode>);
}
