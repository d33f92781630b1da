import type { Discovery } from '../discovery/discovery.ts';
import type { Body } from '../transport/message.ts';
import type { Client, ListenerOwner, Refusal, ReplyFate, Transport } from '../transport/transport.ts';
import { RetryBudget } from './budget.ts';
import type { Emit } from './events.ts';
import { failureBody } from './failure.ts';
import { Forwarder, type Settled } from './forwarder.ts';
import { Frontend } from './frontend.ts';
import { Load } from './load.ts';
import { causeOf, GONE, LEAVING, refusal, TOO_MANY } from './outcome.ts';
import type { RouteSettings } from './settings.ts';
import type { RouteStatus } from './status.ts';
import { Succession } from './succession.ts';
import { NO_BODY, type Refused, type Request, Turns, type TurnsOwner } from './turns.ts';
import { Upstream } from './upstream.ts';

/** How long replies may take to go out after the route is closed. */
const LINGER_MS = 1_000;

/** One listener, with one upstream and one policy at a time. Every request that it receives gets exactly one outcome. */
export class Route implements ListenerOwner, TurnsOwner {
  readonly #transport: Transport;
  readonly #discovery: Discovery;
  readonly #emit: Emit;
  readonly #self: string;
  readonly #load: Load;
  readonly #budget: RetryBudget;
  readonly #frontend: Frontend;
  readonly #clients = new Set<Turns>();
  readonly #forwarder: Forwarder;
  readonly #upstreams: Succession;
  /** Resolves when it is closed. Rejects on a bug in an upstream. */
  readonly #ended = Promise.withResolvers<void>();
  #settings: RouteSettings;
  /** When a request last arrived or got its outcome. */
  #lastWorkMs = performance.now();
  /** `refusing`: what comes is refused, and what is under way goes on. `cut`: nothing is waited for any more. */
  #state: 'serving' | 'refusing' | 'cut' = 'serving';

  /** @param self a name that is unique to this sidecar, to choose the subset of endpoints that it connects to */
  constructor(settings: RouteSettings, transport: Transport, discovery: Discovery, emit: Emit, self = '') {
    this.#settings = settings;
    this.#transport = transport;
    this.#discovery = discovery;
    this.#emit = emit;
    this.#self = self;
    this.#frontend = new Frontend(transport, this);
    this.#load = new Load(settings.limits);
    this.#budget = new RetryBudget(settings.budget, performance.now());
    const upstream = new Upstream(settings, transport, this.#load, emit, self);
    this.#forwarder = new Forwarder(settings, upstream, this.#budget, this.#load, emit);
    this.#upstreams = new Succession(settings.name, upstream, emit, (next) => {
      this.#forwarder.upstream = next;
    });
  }

  /** The largest `limits.messageBytes` that can be applied. */
  get messageBytesMost(): number {
    return this.#frontend.messageBytesMost;
  }

  get settings(): RouteSettings {
    return this.#settings;
  }

  get inFlightPerClient(): number {
    return this.#settings.limits.inFlightPerClient;
  }

  /**
   * Listens where the settings say, or at another address after `release`.
   *
   * @throws {StartError} if it cannot listen there
   */
  async listen(address = this.#settings.listener.listen): Promise<void> {
    const bound = await this.#frontend.listen(address, this.#settings);
    this.#emit({ kind: 'listening', route: this.#settings.name, address: bound });
  }

  /** Frees the address. Apps that are connected stay so, if the transport can keep them. */
  async release(): Promise<void> {
    await this.#frontend.release();
  }

  /** Serves the app until `close`. */
  async run(): Promise<void> {
    this.#supply(this.#upstreams.current, this.#discovery);
    await this.#ended.promise;
  }

  /**
   * Applies other settings on the same listener. Requests in progress keep the settings that they arrived under. If there is a
   * new upstream, the old one is used until the new one is connected, or until the old one is no longer usable.
   *
   * @param discovery the discovery of the new upstream; `undefined` if the upstream stays the same
   */
  apply(settings: RouteSettings, discovery: Discovery | undefined): void {
    if (this.#state === 'cut') return;
    const { name, limits, budget } = settings;
    if (name !== this.#settings.name)
      this.#emit({ kind: 'renamed', route: name, unsettled: this.#load.unsettled });
    this.#settings = settings;
    this.#frontend.change(settings);
    this.#load.limits = limits;
    this.#budget.adjust(budget, performance.now());
    this.#forwarder.policy = settings;
    this.#upstreams.adjust(settings);
    for (const turns of this.#clients) turns.startNext();
    if (discovery === undefined) return;
    const upstream = new Upstream(settings, this.#transport, this.#load, this.#emit, this.#self);
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

  /** Ends, cutting requests in progress. Resolves when the last replies have been sent, or after a second. */
  async close(): Promise<void> {
    this.leave();
    this.#upstreams.close();
    this.#ended.resolve();
    await this.#frontend.close(LINGER_MS);
  }

  /** Closes idle lanes. This also happens automatically every few seconds. */
  trim(nowMs: number): void {
    this.#upstreams.current.trim(nowMs);
  }

  status(nowMs = performance.now()): RouteStatus {
    const { queued, queuedBytes, inFlight, inFlightBytes, refused, ended } = this.#load;
    return {
      settings: this.#settings,
      listening: this.#frontend.address,
      queued,
      queuedBytes,
      inFlight,
      inFlightBytes,
      refused,
      ended,
      ...this.#upstreams.status(nowMs),
    };
  }

  malformed(): void {
    this.#emit({ kind: 'malformed', route: this.#settings.name });
  }

  refused(refusal: Refusal): void {
    this.#emit({ kind: 'refusedClient', route: this.#settings.name, ...refusal });
  }

  joined(client: Client): Turns {
    const turns = new Turns(client, this);
    this.#clients.add(turns);
    return turns;
  }

  abandon(turns: Turns): void {
    this.#clients.delete(turns);
    this.#forwarder.abandon(turns);
  }

  hurry(turns: Turns, deadlineMs: number): void {
    this.#forwarder.hurry(turns, deadlineMs);
  }

  received(turns: Turns, envelope: Buffer, received: Body, bytes: number, refused?: Refused): void {
    const { name, retry, limits } = this.#settings;
    const arrivedMs = performance.now();
    this.#lastWorkMs = arrivedMs;
    this.#emit({ kind: 'received', route: name, bytes });
    let without = this.#refusal(bytes, refused);
    let body = without === undefined ? received : NO_BODY;
    // A request whose frames alone exceed the queue still fits into an empty one.
    const weight = Math.min(envelope.length + body.weight, limits.queueBytes);
    let place = refused === 'overflow' ? undefined : this.#load.enter(weight, turns);
    if (place === undefined) {
      place = this.#load.refuse();
      body = NO_BODY;
      without ??= TOO_MANY;
    }
    const deadlineMs = arrivedMs + retry.deadlineMs;
    turns.arrive({ turns, envelope, body, bytes, arrivedMs, deadlineMs, place, retry, refusal: without });
  }

  start(request: Request): void {
    void this.#serve(request);
  }

  /** Handles a request from its turn to its outcome. */
  async #serve(request: Request): Promise<void> {
    const { turns, body, place, arrivedMs, retry, deadlineMs } = request;
    try {
      const result =
        this.#withoutForwarding(request) ??
        (await this.#forwarder.forward(body, place, arrivedMs, retry, deadlineMs));
      await this.#settle(request, result);
    } catch (error) {
      this.#emit({ kind: 'internalError', route: this.#settings.name, error });
      const message = 'internal error in the sidecar; see its log';
      await this.#settle(request, refusal('INTERNAL', message, 'maybe'));
    } finally {
      this.#lastWorkMs = performance.now();
      turns.done();
    }
  }

  #withoutForwarding(request: Request): Settled | undefined {
    if (this.#state === 'cut') return LEAVING;
    return request.refusal ?? (request.turns.hasLeft ? GONE : undefined);
  }

  /** Why a new request is not forwarded at all, if so. */
  #refusal(bytes: number, refused: Refused | undefined): Settled | undefined {
    if (this.#state !== 'serving') return LEAVING;
    if (refused === undefined) return undefined;
    if (refused === 'overflow') return TOO_MANY;
    const { messageBytes } = this.#settings.limits;
    if (bytes <= messageBytes) return refusal('TOO_LARGE', 'the request has too many frames');
    return refusal('TOO_LARGE', `the request has ${bytes} bytes; at most ${messageBytes} are allowed`);
  }

  #supply(upstream: Upstream, discovery: Discovery): void {
    upstream.run(discovery).catch(this.#ended.reject);
  }

  /** Sends the outcome to the app, and emits it as an event. */
  async #settle(request: Request, result: Settled): Promise<void> {
    const elapsedMs = performance.now() - request.arrivedMs;
    const body = result.kind === 'reply' ? result.body : this.#failureBody(result, elapsedMs);
    const { client } = request.turns;
    const sending = body === undefined ? 'taken' : client.reply(request.envelope, body);
    this.#settled(request, result, elapsedMs, typeof sending === 'string' ? sending : await sending);
  }

  #settled(request: Request, result: Settled, elapsedMs: number, fate: ReplyFate): void {
    const { attempts, endpoint } = result;
    const isTaken = fate === 'taken' && !request.turns.hasLeft;
    const isReply = result.kind === 'reply';
    const cause = causeOf(result);
    const { name } = this.#settings;
    if (fate === 'full') this.#emit({ kind: 'droppedClient', route: name });
    // Whoever looks at load and events together sees each request in one of them, never in both or neither.
    this.#load.leave(request.place);
    this.#emit({
      kind: 'settled',
      route: name,
      outcome: isTaken ? cause : 'client_gone',
      cause,
      request: {
        attempts,
        endpoint,
        elapsedMs,
        executed: isReply ? 'yes' : result.executed,
        requestBytes: request.bytes,
        replyBytes: isReply && isTaken ? result.body.bytes : 0,
      },
    });
  }

  #failureBody(result: Extract<Settled, { kind: 'failure' }>, elapsedMs: number): Body | undefined {
    const { code, message, attempts, executed } = result;
    const facts = { code, message, route: this.#settings.name, attempts, executed, elapsedMs };
    return failureBody(facts, this.#settings.failureReply);
  }
}
