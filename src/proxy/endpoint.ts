import { messageOf } from '../errors.ts';
import { Latency } from './balancer.ts';
import type { Emit, EndpointStateKind, ResetReason } from './events.ts';
import { type Attempt, type Caller, Lane, type LaneOwner } from './lane.ts';
import type { RouteSettings } from './settings.ts';
import type { EndpointStatus } from './status.ts';

/** A connection that stood this long was a good one: the next is tried at once. */
const HEALTHY_MS = 1_000;
const REOPEN_BASE_MS = 25;
const REOPEN_MAX_MS = 500;

export type EndpointState =
  /** Never connected yet. */
  | { kind: 'connecting'; sinceMs: number; why: string }
  /** At least one connection stands. */
  | { kind: 'up'; sinceMs: number; why: string }
  /** It was up once and is not now. */
  | { kind: 'down'; sinceMs: number; why: string };

/** Who has endpoints and gives them work. */
export interface EndpointOwner {
  /** It may be able to take an attempt that it could not take before. */
  freed(endpoint: Endpoint): void;
  /** Its state has changed. */
  turned(endpoint: Endpoint, from: EndpointStateKind): void;
}

/** One address of an upstream, and its lanes: keeps at least one connected or trying, opens more on demand up to the cap. */
export class Endpoint implements LaneOwner {
  readonly address: string;
  readonly latency = new Latency();
  state: EndpointState;
  /** Attempts that it has not answered yet, those that nobody waits for in time any more included. */
  inFlight = 0;
  readonly #settings: RouteSettings;
  readonly #owner: EndpointOwner;
  readonly #emit: Emit;
  readonly #lanes = new Set<Lane>();
  #reopening: NodeJS.Timeout | undefined;
  /** Lanes in a row that ended before they were any good. */
  #failures = 0;
  #lastEvent = 'none';
  #isClosed = false;

  constructor(address: string, settings: RouteSettings, owner: EndpointOwner, emit: Emit) {
    this.address = address;
    this.#settings = settings;
    this.#owner = owner;
    this.#emit = emit;
    this.state = { kind: 'connecting', sinceMs: performance.now(), why: 'not connected yet' };
    this.#open();
  }

  /** Whether an attempt could be sent right now. */
  get isFree(): boolean {
    return !this.isFull && this.#freeLane() !== undefined;
  }

  get isFull(): boolean {
    return this.inFlight >= this.#settings.limits.inFlightPerEndpoint;
  }

  /** Whether another lane would help: connected, below the cap, and none on its way already. */
  get canGrow(): boolean {
    if (this.state.kind !== 'up' || this.isFull || this.#settings.correlate) return false;
    if (this.#reopening !== undefined || this.#lanes.size >= 2 * this.#settings.limits.inFlightPerEndpoint)
      return false;
    return this.inFlight + this.#countOf('connecting') < this.#settings.limits.inFlightPerEndpoint;
  }

  /** Opens another lane. Only where it `canGrow`. */
  grow(): void {
    this.#open();
  }

  /** Reserves a place for an attempt. Only where it `isFree`. */
  pick(caller: Caller): Attempt | undefined {
    return this.#freeLane()?.pick(caller);
  }

  /** Closes every lane; attempts under way fail as lost. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#reopening);
    for (const lane of this.#lanes) lane.close();
  }

  status(nowMs: number): EndpointStatus {
    return {
      address: this.address,
      state: this.state.kind,
      sinceMs: nowMs - this.state.sinceMs,
      why: this.state.why,
      inFlight: this.inFlight,
      lanes: this.#lanes.size,
      latencyMs: this.latency.averageMs,
      lastEvent: this.#lastEvent,
    };
  }

  opened(): void {
    if (this.state.kind !== 'up') this.#turn('up', 'connected');
    this.#owner.freed(this);
  }

  loaded(_lane: Lane, count: number): void {
    this.inFlight += count;
    if (count < 0) this.#owner.freed(this);
  }

  answered(elapsedMs: number, nowMs: number): void {
    this.#failures = 0;
    this.latency.observe(elapsedMs, nowMs);
  }

  overdue(elapsedMs: number, nowMs: number): void {
    this.latency.observe(elapsedMs, nowMs);
  }

  retired(_lane: Lane, reason: ResetReason): void {
    this.#emit({ kind: 'reset', route: this.#settings.name, endpoint: this.address, reason });
    if (reason === 'timeout') this.#keepOne();
  }

  refused(): void {
    this.#failed('nobody answers there');
  }

  closed(lane: Lane, reason: 'lost' | 'protocol' | undefined, wasReadyMs: number): void {
    this.#lanes.delete(lane);
    if (this.#isClosed) return;
    if (reason !== undefined) {
      this.#failures = wasReadyMs >= HEALTHY_MS ? 0 : this.#failures + 1;
      const dropped = wasReadyMs > 0 ? 'the connection dropped' : 'the handshake failed';
      this.#failed(reason === 'lost' ? dropped : 'it sent what is no reply');
    }
    this.#keepOne();
  }

  discarded(): void {
    this.#emit({ kind: 'lateReply', route: this.#settings.name, endpoint: this.address, fate: 'discarded' });
  }

  told(event: string): void {
    this.#lastEvent = event;
  }

  /** It is down only when a connection has failed and none stands; that we have closed the last one ourselves tells nothing. */
  #failed(why: string): void {
    if (this.state.kind !== 'up') this.state = { ...this.state, why };
    else if (this.#countOf('ready') + this.#countOf('retired') === 0) this.#turn('down', why);
  }

  #turn(kind: EndpointStateKind, why: string): void {
    const from = this.state.kind;
    this.state = { kind, sinceMs: performance.now(), why };
    this.#emit({ kind: 'endpoint', route: this.#settings.name, endpoint: this.address, from, to: kind, why });
    this.#owner.turned(this, from);
  }

  #freeLane(): Lane | undefined {
    for (const lane of this.#lanes) if (lane.isFree) return lane;
    return undefined;
  }

  #countOf(kind: Lane['state']['kind']): number {
    let count = 0;
    for (const lane of this.#lanes) if (lane.state.kind === kind) count++;
    return count;
  }

  /** Sees to it that there is a lane that is connected or on its way. */
  #keepOne(): void {
    if (this.#isClosed || this.#reopening !== undefined) return;
    if (this.#countOf('ready') + this.#countOf('connecting') > 0) return;
    if (this.#failures === 0) return this.#open();
    const delayMs = Math.random() * Math.min(REOPEN_MAX_MS, REOPEN_BASE_MS * 2 ** this.#failures);
    this.#reopening = setTimeout(() => {
      this.#reopening = undefined;
      this.#open();
    }, delayMs);
  }

  #open(): void {
    const { correlate, heartbeat, limits } = this.#settings;
    const capacity = correlate ? limits.inFlightPerEndpoint : 1;
    const { messageBytes } = limits;
    try {
      this.#lanes.add(
        new Lane({ address: this.address, correlate, capacity, messageBytes, heartbeat }, this),
      );
    } catch (error) {
      this.#lastEvent = `no socket: ${messageOf(error)}`;
      this.#failures++;
      this.#keepOne();
    }
  }
}
