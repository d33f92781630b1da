import type { Discovery } from '../discovery/discovery.ts';
import { RetryBudget } from './budget.ts';
import { Clients, type Request } from './clients.ts';
import { sizeOf, weightOf } from './envelope.ts';
import type { Cause, Emit } from './events.ts';
import { type FailureCode, failureFrames } from './failure.ts';
import type { Result, Settled } from './forwarder.ts';
import { Frontend, type FrontendOwner } from './frontend.ts';
import { Generation } from './generation.ts';
import { Load, type Place, type Waiting } from './load.ts';
import type { Limits, RouteSettings } from './settings.ts';
import type { RouteStatus } from './status.ts';
import { Upstream } from './upstream.ts';

/** A request and its place in the route's load. */
interface Guest extends Request {
  readonly place: Place;
  /** Its body was thrown away at once: all it gets is a failure reply when its turn comes. */
  readonly isTooLarge: boolean;
}

/** Most that a reload waits for a connection of its new upstream, while the old one serves on. */
const SWITCH_MS = 3_000;

/** One listener, and behind it one upstream and one policy at a time. Every request that it receives gets exactly one outcome. */
export class Route implements FrontendOwner {
  readonly #discovery: Discovery;
  readonly #emit: Emit;
  readonly #self: string;
  readonly #load: Load;
  readonly #frontend: Frontend;
  readonly #clients: Clients<Guest>;
  /** Rejects when an upstream has met a bug; never resolves. */
  readonly #failing = Promise.withResolvers<never>();
  /** What new requests get. */
  #current: Generation;
  /** What they are to get as soon as it is connected. */
  #next: Generation | undefined;
  /** Earlier ones, with requests that began in them. */
  readonly #earlier = new Set<Generation>();
  #listening: string | undefined;
  /** When a request has come or got its outcome for the last time. */
  #lastWorkMs = performance.now();
  #isLeaving = false;

  /** @param self what tells this sidecar from others, for the subset of endpoints that it connects to */
  constructor(settings: RouteSettings, discovery: Discovery, emit: Emit, self = '') {
    this.#emit = emit;
    this.#self = self;
    this.#load = new Load(settings.limits);
    const budget = new RetryBudget(settings.budget, performance.now());
    const upstream = new Upstream(settings, this.#load, emit, self);
    this.#current = new Generation(settings, upstream, budget, this.#load, emit);
    const { name, listen, limits, listenCurve: curve } = settings;
    const { messageBytes, inFlightPerClient } = limits;
    const unreadPerClient = unreadOf(limits);
    this.#frontend = new Frontend({ name, listen, messageBytes, unreadPerClient, curve }, this);
    this.#clients = new Clients<Guest>(inFlightPerClient, {
      start: (guest) => void this.#serve(guest),
      refuse: (guest) => void this.#settle(guest, failure('OVERLOADED', 'too many requests wait already')),
    });
    this.#discovery = discovery;
  }

  /** The largest `limits.messageBytes` that can be applied: the listener's own bound is fixed when it is bound (zmq_setsockopt). */
  get messageBytesMost(): number {
    return this.#frontend.maxMessageBytes;
  }

  get settings(): RouteSettings {
    return this.#current.settings;
  }

  /** @throws {StartError} where it cannot listen */
  async bind(): Promise<void> {
    this.#listening = await this.#frontend.bind();
    this.#emit({ kind: 'listening', route: this.settings.name, address: this.#listening });
  }

  /** Serves the app until `close`. */
  async run(): Promise<void> {
    this.#supply(this.#current, this.#discovery);
    await Promise.race([this.#frontend.run(), this.#failing.promise]);
  }

  /**
   * Puts other settings in force, on the same listener. Requests under way end under those that they began with. Where there is
   * another upstream, the old one serves until the new one is connected, or has failed to be for 3 s.
   *
   * @param discovery of the other upstream; `undefined` where it is the same
   */
  apply(settings: RouteSettings, discovery: Discovery | undefined): void {
    if (this.#isLeaving) return;
    const { limits, listenCurve } = settings;
    this.#frontend.allowedKeys = listenCurve?.allowedKeys ?? [];
    this.#load.limits = limits;
    this.#clients.limit = limits.inFlightPerClient;
    this.#frontend.unreadPerClient = unreadOf(limits);
    const latest = this.#next ?? this.#current;
    const upstream =
      discovery === undefined ? latest.upstream : new Upstream(settings, this.#load, this.#emit, this.#self);
    const generation = new Generation(settings, upstream, latest.budgetFor(settings), this.#load, this.#emit);
    if (discovery !== undefined) {
      this.#next?.upstream.close();
      this.#supply(generation, discovery);
    }
    this.#next = generation;
    const isInPlace = upstream === this.#current.upstream;
    if (isInPlace || !this.#current.upstream.isUsable) return this.#switchTo(generation);
    const late = setTimeout(() => this.#switchTo(generation), SWITCH_MS).unref();
    upstream.usable.then(() => {
      clearTimeout(late);
      this.#switchTo(generation);
    });
  }

  /** Whether every request that came has its outcome. */
  get isSettled(): boolean {
    return this.#load.isEmpty;
  }

  /** How long it has had nothing to do, where it `isSettled`. */
  idleMs(nowMs: number): number {
    return nowMs - this.#lastWorkMs;
  }

  /** From now on every request gets a `DRAINING` failure, those under way included. */
  leave(): void {
    this.#isLeaving = true;
    for (const { forwarder } of [...this.#earlier, this.#current]) forwarder.cut();
  }

  /** Ends at once, cutting whatever is under way. */
  close(): void {
    this.leave();
    this.#frontend.close();
    for (const { upstream } of this.#generations()) upstream.close();
  }

  /** Closes lanes that have been idle; it does so by itself every few seconds. */
  trim(nowMs: number): void {
    this.#current.upstream.trim(nowMs);
  }

  status(nowMs = performance.now()): RouteStatus {
    const { queued, queuedBytes, inFlight, refused, ended } = this.#load;
    const upstream = this.#current.upstream.status(nowMs);
    return {
      settings: this.settings,
      listening: this.#listening,
      queued: queued + refused,
      queuedBytes,
      inFlight: inFlight + ended,
      ...upstream,
    };
  }

  malformed(): void {
    this.#emit({ kind: 'malformed', route: this.settings.name });
  }

  refused(key: string | undefined, address: string): void {
    this.#emit({ kind: 'refusedClient', route: this.settings.name, key, address });
  }

  request(request: Request): void {
    const { client, head, bytes, arrivedMs } = request;
    const isTooLarge = bytes > this.settings.limits.messageBytes;
    this.#lastWorkMs = arrivedMs;
    this.#emit({ kind: 'received', route: this.settings.name, bytes });
    const mayEnter = !this.#clients.isOwedRefusal(client);
    const waiting = this.#clients.waitingOf(client) ?? this.#welcome();
    const kept = isTooLarge ? [] : request.body;
    // Were its frames alone too much for the queue, it would have to be empty.
    const weight = Math.min(weightOf(head, kept), this.settings.limits.queueBytes);
    const place = mayEnter ? this.#load.enter(weight, waiting) : undefined;
    const body = place === undefined ? [] : kept;
    const guest: Guest = {
      client,
      head,
      body,
      bytes,
      arrivedMs,
      isTooLarge,
      place: place ?? this.#load.refuse(),
    };
    if (place === undefined) this.#clients.refuse(guest);
    else this.#clients.arrive(guest);
  }

  /**
   * The guest's turn: from here to its outcome. It ends under the policy that it began with, unless it was never sent and
   * another upstream takes over: then it begins anew.
   */
  async #serve(guest: Guest): Promise<void> {
    try {
      let result = this.#refusal(guest);
      while (result === undefined || result.kind === 'moved')
        result = await this.#current.forwarder.forward(guest.body, guest.place, guest.arrivedMs);
      await this.#settle(guest, result);
    } catch (error) {
      this.#emit({ kind: 'internalError', route: this.settings.name, error });
      const message = 'a bug of the sidecar; its log tells more';
      await this.#settle(guest, failure('INTERNAL', message, 'maybe'));
    } finally {
      this.#lastWorkMs = performance.now();
      this.#clients.done(guest);
      if (this.#earlier.size > 0) this.#left();
    }
  }

  #welcome(): Waiting {
    this.#frontend.welcome();
    return { queued: 0 };
  }

  /** Why it is not forwarded at all. */
  #refusal(guest: Guest): Result | undefined {
    if (this.#isLeaving) return failure('DRAINING', 'the sidecar is leaving');
    return guest.isTooLarge ? failure('TOO_LARGE', this.#tooLarge(guest.bytes)) : undefined;
  }

  #supply(generation: Generation, discovery: Discovery): void {
    generation.upstream.run(discovery).catch(this.#failing.reject);
  }

  #switchTo(generation: Generation): void {
    // Another reload may have overtaken it.
    if (this.#next !== generation) return;
    this.#earlier.add(this.#current);
    this.#current = generation;
    this.#next = undefined;
    for (const { upstream, forwarder } of this.#earlier)
      if (upstream !== generation.upstream) forwarder.hand(generation.upstream);
    this.#left();
  }

  #generations(): Generation[] {
    return [...this.#earlier, this.#current, ...(this.#next ? [this.#next] : [])];
  }

  /** A request has ended while there are several generations: they share the caps, and those that are done go. */
  #left(): void {
    for (const generation of this.#earlier) {
      // One that is earlier still may have attempts at the upstream of any that followed it.
      if (generation.forwarder.isBusy) break;
      this.#earlier.delete(generation);
      if (!this.#generations().some(({ upstream }) => upstream === generation.upstream))
        generation.upstream.close();
    }
    for (const { upstream } of this.#generations()) upstream.freed();
  }

  #tooLarge(bytes: number): string {
    return `the request has ${bytes} bytes, ${this.settings.limits.messageBytes} are allowed`;
  }

  /** Sends the outcome to the app, and tells of it. */
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
      route: this.settings.name,
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
    const facts = { code, message, route: this.settings.name, attempts, executed, elapsedMs };
    return failureFrames(facts, this.settings.failureReply);
  }
}

/** What libzmq keeps by itself. */
const UNREAD_LEAST = 1_000;

/**
 * All that one client has asked may be answered at once, by a drain say, and it counts on none of these replies being left out;
 * nor on any refusal, of which there may be more.
 */
function unreadOf({ queue, inFlightPerClient }: Limits): number {
  return Math.max(UNREAD_LEAST, queue + inFlightPerClient);
}

function failure(code: FailureCode, message: string, executed: 'no' | 'maybe' = 'no'): Settled {
  return { kind: 'failure', code, message, executed, attempts: 0, endpoint: undefined };
}

function causeOf(result: Settled): Cause {
  return result.kind === 'reply' ? 'ok' : (result.code.toLowerCase() as Lowercase<FailureCode>);
}
