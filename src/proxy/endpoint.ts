import type { Discovered } from '../discovery/discovery.ts';
import type { Transport } from '../transport/transport.ts';
import type { Attempt, Caller } from './attempt.ts';
import { Latency } from './balancer.ts';
import { Capacity } from './capacity.ts';
import { Ejection } from './ejection.ts';
import { EndpointState } from './endpoint-state.ts';
import type { Emit, ResetReason } from './events.ts';
import { Lane } from './lane.ts';
import type { LaneOwner } from './lane-owner.ts';
import { Lanes } from './lanes.ts';
import type { RouteSettings } from './settings.ts';
import type { EndpointStatus } from './status.ts';
import { targetOf } from './target.ts';
import type { Trouble } from './trouble.ts';

/** Owns endpoints and sends them requests. */
export interface EndpointOwner {
  /** It may now have room for an attempt. */
  freed(endpoint: Endpoint): void;
  /** It came up or went down. */
  turned(endpoint: Endpoint): void;
  /** Whether one more endpoint may be ejected. */
  mayEject(): boolean;
  /** It was ejected or returned. */
  ejectionTurned(endpoint: Endpoint): void;
  /** It was told to terminate, and its last lane is closed now. */
  gone(endpoint: Endpoint): void;
}

/** One address of an upstream, and its lanes. It keeps at least one lane connected or trying, and opens more on demand, up to a limit. */
export class Endpoint implements LaneOwner {
  readonly address: string;
  readonly identity: string | undefined;
  /** The latency of the current process at the address, as far as it is known to be the same one. */
  latency = new Latency();
  /** `down`: it was up before and is not now. */
  connection: 'connecting' | 'up' | 'down' = 'connecting';
  /** A peer there did not echo the id of an attempt. */
  isPlain = false;
  #settings: RouteSettings;
  readonly #owner: EndpointOwner;
  readonly #transport: Transport;
  readonly #emit: Emit;
  readonly #ejection: Ejection;
  readonly #lanes: Lanes;
  readonly #capacity: Capacity;
  readonly #state: EndpointState;
  #lastEvent = 'none';
  #isLeaving = false;

  constructor(
    { address, identity }: Discovered,
    settings: RouteSettings,
    owner: EndpointOwner,
    transport: Transport,
    emit: Emit,
    random: () => number,
  ) {
    this.#transport = transport;
    this.address = address;
    this.identity = identity;
    this.#settings = settings;
    this.#owner = owner;
    this.#emit = emit;
    this.#ejection = new Ejection(settings.ejection, random);
    this.#state = new EndpointState(settings.name, address, emit);
    this.#lanes = new Lanes(() => this.#makeLane());
    this.#capacity = new Capacity(settings, this.#lanes, () => owner.freed(this));
    this.#capacity.isCorrelated = settings.connection.correlate === true;
    this.#lanes.open();
  }

  /** Applies a changed policy. Its connections stay, and so does everything that has been learned about it. */
  adjust(settings: RouteSettings): void {
    const { name, limits, ejection } = settings;
    const isResized = limits.messageBytes !== this.#settings.limits.messageBytes;
    this.#settings = settings;
    this.#state.route = name;
    this.#capacity.adjust(settings);
    if (this.#ejection.adjust(ejection, performance.now())) this.#returned('ejection is turned off');
    if (isResized) this.#lanes.replace();
  }

  get isUp(): boolean {
    return this.connection === 'up' && !this.#isLeaving;
  }

  get isEjected(): boolean {
    return this.#ejection.isOut;
  }

  isProbeDue(nowMs: number): boolean {
    return this.#ejection.isProbeDue(nowMs);
  }

  /** Attempts that it has not answered yet, including those that have timed out. */
  get inFlight(): number {
    return this.#capacity.inFlight;
  }

  /** Whether an attempt could be sent right now. */
  get isFree(): boolean {
    return !this.isFull && this.#lanes.free !== undefined;
  }

  get isFull(): boolean {
    return this.#capacity.isFull;
  }

  /** Whether the maximum is reached, so that one more attempt needs the place of a late one. */
  get isCrowded(): boolean {
    return this.#capacity.isCrowded;
  }

  /** Whether another lane would help: it is connected, below the limit, and no lane is on its way already. */
  get canGrow(): boolean {
    const { correlate } = this.#settings.connection;
    return this.isUp && correlate !== true && !this.#lanes.hasCorrelated && this.#capacity.wantsLane;
  }

  /** Opens another lane. Call this only if it `canGrow`. */
  grow(): void {
    this.#lanes.open();
  }

  /** Reserves a place for an attempt, which is the probe if one is due. Call this only if it `isFree`. */
  pick(caller: Caller, nowMs: number): Attempt | undefined {
    if (this.isProbeDue(nowMs)) this.#ejection.probe(nowMs, this.#settings.retry.timeoutMs);
    if (this.isCrowded && !this.#capacity.makeRoom()) return undefined;
    return this.#lanes.free?.pick(caller);
  }

  /** Closes lanes that have been idle for this long, except the first. */
  trim(idleMs: number, nowMs: number): void {
    this.#lanes.trim(idleMs, nowMs);
  }

  /** It is no longer in the set. It takes no more attempts, and is `gone` when those in flight have ended. */
  terminate(why: string): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    if (this.inFlight > 0) this.#state.become('terminating', why);
    else this.#state.why = why;
    this.#lanes.finish();
    this.#goneIfDone();
  }

  /** Closes every lane; attempts in flight fail as lost. */
  close(): void {
    this.terminate('shutting down');
    this.#lanes.close();
  }

  status(nowMs: number): EndpointStatus {
    const { state } = this.#ejection;
    return {
      address: this.address,
      state: this.#state.kind,
      sinceMs: nowMs - this.#state.sinceMs,
      why: this.#state.why,
      inFlight: this.inFlight,
      inFlightLimit: this.#capacity.limit,
      lanes: this.#lanes.size,
      latencyMs: this.latency.replyMs,
      lastEvent: this.#lastEvent,
      nextProbeMs: state.kind === 'in' ? undefined : Math.max(0, state.untilMs - nowMs),
    };
  }

  opened(): void {
    this.#lastEvent = 'connected';
    if (this.#isLeaving) return;
    // It may be another process now.
    if (this.connection === 'down') {
      this.latency = new Latency();
      this.#capacity.renew();
      this.#capacity.isCorrelated = this.#settings.connection.correlate === true;
    }
    if (this.connection !== 'up') this.#turn('up');
    this.#owner.freed(this);
  }

  proved(isEchoing: boolean): void {
    this.#capacity.isCorrelated = isEchoing;
    if (!isEchoing && !this.isPlain) {
      this.isPlain = true;
      this.#emit({ kind: 'notEchoed', route: this.#settings.name, endpoint: this.address });
    }
    this.#owner.freed(this);
  }

  joined(attempt: Attempt): void {
    this.#capacity.joined(attempt);
  }

  left(attempt: Attempt): void {
    this.#capacity.left(attempt);
  }

  answered(attempt: Attempt, nowMs: number): void {
    const { phase, sentMs } = attempt;
    this.#lanes.wasGood();
    this.latency.observe(nowMs - sentMs, nowMs);
    this.#capacity.answered(attempt, nowMs);
    // A late reply shows that the endpoint is alive but too slow, so it neither ejects it nor brings it back.
    if (this.#isLeaving || phase !== 'awaited' || !this.#ejection.succeeded(sentMs, nowMs)) return;
    this.#returned('it answered');
    this.#owner.freed(this);
  }

  overdue(attempt: Attempt, nowMs: number): void {
    const { sentMs } = attempt;
    this.#capacity.overdue(attempt, nowMs);
    this.latency.overdue(nowMs - sentMs, nowMs);
    this.#judge(sentMs, nowMs, 'no reply in time');
  }

  abandoned({ sentMs }: Attempt, nowMs: number): void {
    this.latency.atLeast(nowMs - sentMs, nowMs);
  }

  unanswered(sentMs: number, nowMs: number): void {
    this.#judge(sentMs, nowMs, 'no reply before its connection dropped');
  }

  retired({ state }: Lane, reason: ResetReason): void {
    this.#emit({ kind: 'reset', route: this.#settings.name, endpoint: this.address, reason });
    if (reason !== 'lost' && state.kind === 'retired') this.#lanes.keepOne();
  }

  accepted(): void {
    this.#lastEvent = 'accepted';
    if (!this.#isLeaving) this.#state.accepted();
  }

  closed(lane: Lane, trouble: Trouble | undefined, wasReadyMs: number): void {
    this.#lanes.closed(lane, trouble !== undefined, wasReadyMs);
    this.#lastEvent = trouble?.why ?? 'closed';
    if (this.#isLeaving) return this.#goneIfDone();
    if (trouble !== undefined) this.#tried(trouble);
    this.#lanes.keepOne();
  }

  discarded(): void {
    this.#emit({ kind: 'lateReply', route: this.#settings.name, endpoint: this.address, fate: 'discarded' });
  }

  waiting(trouble: Trouble): void {
    if (!this.#isLeaving) this.#tried(trouble);
  }

  /** It is down only if a connection has failed and no other is open. If we closed the last one ourselves, that says nothing. */
  #tried(trouble: Trouble): void {
    if (this.connection !== 'up') {
      if (this.#state.kind === this.connection) this.#state.tried(trouble);
    } else if (this.#lanes.countOf('ready', 'retired') === 0) this.#turn('down', trouble);
  }

  #turn(kind: 'up' | 'down', trouble?: Trouble): void {
    this.connection = kind;
    if (!this.isEjected && trouble !== undefined) this.#state.fell(trouble);
    else if (!this.isEjected) this.#state.become(kind, 'connected');
    this.#owner.turned(this);
  }

  /** Ejects it if this failure is one too many. */
  #judge(sentMs: number, nowMs: number, why: string): void {
    if (this.#isLeaving) return;
    const wasEjected = this.isEjected;
    if (!this.#ejection.failed(sentMs, nowMs, () => this.#owner.mayEject())) return;
    const { failures } = this.#settings.ejection;
    this.#state.become(
      'ejected',
      wasEjected ? `the probe failed: ${why}` : `${failures} failures in a row: ${why}`,
    );
    if (!wasEjected) this.#owner.ejectionTurned(this);
  }

  #returned(why: string): void {
    this.#state.become(this.connection, why);
    this.#owner.ejectionTurned(this);
  }

  #goneIfDone(): void {
    if (this.#lanes.size > 0 || this.#state.kind === 'gone') return;
    this.#state.become('gone', this.#state.why);
    this.#owner.gone(this);
  }

  #makeLane(): Lane {
    const { correlate } = this.#settings.connection;
    return new Lane(this.#transport, targetOf(this.address, this.#settings), correlate, this);
  }
}
