import type { Discovery } from '../discovery/discovery.ts';
import { Clients, type Request } from './clients.ts';
import type { Emit, Outcome } from './events.ts';
import { type FailureCode, failureFrames } from './failure.ts';
import { Forwarder, type Result } from './forwarder.ts';
import { Frontend, type FrontendOwner } from './frontend.ts';
import { Load, type Place } from './load.ts';
import type { RouteSettings } from './settings.ts';
import type { RouteStatus } from './status.ts';
import { Upstream } from './upstream.ts';

/** A request and its place in the route's load, which one that is refused has not. */
interface Guest extends Request {
  readonly place: Place | undefined;
  /** Its body was thrown away at once: all it gets is a failure reply when its turn comes. */
  readonly isTooLarge: boolean;
}

/** One listener, one upstream, one policy. Every request that it receives gets exactly one outcome. */
export class Route implements FrontendOwner {
  readonly settings: RouteSettings;
  readonly #discovery: Discovery;
  readonly #emit: Emit;
  readonly #load: Load;
  readonly #upstream: Upstream;
  readonly #forwarder: Forwarder;
  readonly #frontend: Frontend;
  readonly #clients: Clients<Guest>;
  readonly #stopping = new AbortController();
  #listening: string | undefined;
  #lastArrivalMs = performance.now();
  #isLeaving = false;

  constructor(settings: RouteSettings, discovery: Discovery, emit: Emit) {
    this.settings = settings;
    this.#discovery = discovery;
    this.#emit = emit;
    this.#load = new Load(settings.limits);
    this.#upstream = new Upstream(settings, this.#load, emit);
    this.#forwarder = new Forwarder(settings, this.#upstream, this.#load, emit);
    const { name, listen, limits } = settings;
    this.#frontend = new Frontend({ name, listen, messageBytes: limits.messageBytes }, this);
    this.#clients = new Clients<Guest>(limits.inFlightPerClient, {
      start: (guest) => void this.#serve(guest),
      refuse: (guest) => void this.#fail(guest, 'OVERLOADED', 'too many requests wait already'),
    });
  }

  /** @throws {StartError} where it cannot listen */
  async bind(): Promise<void> {
    this.#listening = await this.#frontend.bind();
    this.#emit({ kind: 'listening', route: this.settings.name, address: this.#listening });
  }

  /** Serves the app, and keeps the upstream's set of endpoints, until `close`. */
  async run(): Promise<void> {
    const discovery = this.#discovery.run((found) => this.#upstream.update(found), this.#stopping.signal);
    await Promise.all([discovery, this.#frontend.run()]);
  }

  /** How long it has had nothing to do: 0 while any request has no outcome. */
  quietMs(nowMs: number): number {
    return this.#load.isEmpty ? nowMs - this.#lastArrivalMs : 0;
  }

  /** From now on every request gets a `DRAINING` failure, those under way included. */
  leave(): void {
    this.#isLeaving = true;
    this.#forwarder.cut();
  }

  /** Ends at once, cutting whatever is under way. */
  close(): void {
    this.leave();
    this.#stopping.abort();
    this.#frontend.close();
    this.#upstream.close();
  }

  status(nowMs = performance.now()): RouteStatus {
    const { queued, queuedBytes, inFlight } = this.#load;
    const endpoints = this.#upstream.status(nowMs);
    return { settings: this.settings, listening: this.#listening, queued, queuedBytes, inFlight, endpoints };
  }

  malformed(): void {
    this.#emit({ kind: 'malformed', route: this.settings.name });
  }

  request(request: Request): void {
    const isTooLarge = request.bytes > this.settings.limits.messageBytes;
    this.#lastArrivalMs = request.arrivedMs;
    this.#emit({ kind: 'received', route: this.settings.name, bytes: request.bytes });
    const body = isTooLarge ? [] : request.body;
    const mayEnter = !this.#clients.isOwedRefusal(request.client);
    const place = mayEnter ? this.#load.enter(isTooLarge ? 0 : request.bytes) : undefined;
    if (place === undefined) this.#clients.refuse({ ...request, body: [], isTooLarge, place });
    else this.#clients.arrive({ ...request, body, isTooLarge, place });
  }

  /** The guest's turn: from here to its outcome. */
  async #serve(guest: Guest): Promise<void> {
    const { place } = guest;
    try {
      if (this.#isLeaving) await this.#fail(guest, 'DRAINING', 'the sidecar is leaving');
      else if (guest.isTooLarge) await this.#fail(guest, 'TOO_LARGE', this.#tooLarge(guest.bytes));
      else if (place)
        await this.#settle(guest, await this.#forwarder.forward(guest.body, place, guest.arrivedMs));
    } catch (error) {
      this.#emit({ kind: 'internalError', route: this.settings.name, error });
      await this.#fail(guest, 'INTERNAL', 'a bug of the sidecar; its log tells more', 'maybe');
    } finally {
      if (place) this.#load.leave(place);
      this.#clients.done(guest);
    }
  }

  #tooLarge(bytes: number): string {
    return `the request has ${bytes} bytes, ${this.settings.limits.messageBytes} are allowed`;
  }

  #fail(guest: Guest, code: FailureCode, message: string, executed: 'no' | 'maybe' = 'no'): Promise<void> {
    return this.#settle(guest, {
      kind: 'failure',
      code,
      message,
      executed,
      attempts: 0,
      endpoint: undefined,
    });
  }

  /** Sends the outcome to the app, and tells of it. */
  async #settle(guest: Guest, result: Result): Promise<void> {
    const elapsedMs = performance.now() - guest.arrivedMs;
    const { attempts, endpoint } = result;
    const body = result.kind === 'reply' ? result.body : this.#failureBody(result, elapsedMs);
    const isTaken = body === undefined || (await this.#frontend.reply(guest, body));
    this.#emit({
      kind: 'settled',
      route: this.settings.name,
      outcome: isTaken ? outcomeOf(result) : 'client_gone',
      request: {
        attempts,
        endpoint,
        elapsedMs,
        executed: result.kind === 'reply' ? 'yes' : result.executed,
        requestBytes: guest.bytes,
        replyBytes: result.kind === 'reply' ? result.body.reduce((sum, frame) => sum + frame.length, 0) : 0,
      },
    });
  }

  #failureBody(result: Extract<Result, { kind: 'failure' }>, elapsedMs: number): Buffer[] | undefined {
    const { code, message, attempts, executed } = result;
    const failure = { code, message, route: this.settings.name, attempts, executed, elapsedMs };
    return failureFrames(failure, this.settings.failureReply);
  }
}

function outcomeOf(result: Result): Outcome {
  return result.kind === 'reply' ? 'ok' : (result.code.toLowerCase() as Lowercase<FailureCode>);
}
