import type { Discovered } from '../discovery/discovery.ts';
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

/** Attempts on one lane with correlation; no `inFlightPerEndpoint` is larger. */
const CORRELATED_MOST = 10_000;

/** Who has endpoints and gives them work. */
export interface EndpointOwner {
  /** It may be able to take an attempt that it could not take before. */
  freed(endpoint: Endpoint): void;
  /** It is up now, or not any more. */
  turned(endpoint: Endpoint): void;
  /** Whether one more endpoint may be left out. */
  mayEject(): boolean;
  /** It is left out now, or not any more. */
  ejectionTurned(endpoint: Endpoint): void;
  /** Its last lane is closed after it was told to terminate. */
  gone(endpoint: Endpoint): void;
}

/** One address of an upstream, and its lanes: keeps at least one connected or trying, opens more on demand up to the cap. */
export class Endpoint implements LaneOwner {
  readonly address: string;
  readonly identity: string | undefined;
  /** Of the process that is there now, as far as that can be told. */
  latency = new Latency();
  /** `down`: it was up once and is not now. */
  connection: 'connecting' | 'up' | 'down' = 'connecting';
  #settings: RouteSettings;
  readonly #owner: EndpointOwner;
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
    emit: Emit,
    random: () => number,
  ) {
    this.address = address;
    this.identity = identity;
    this.#settings = settings;
    this.#owner = owner;
    this.#emit = emit;
    this.#ejection = new Ejection(settings.ejection, random);
    this.#state = new EndpointState(settings.name, address, emit);
    this.#lanes = new Lanes(() => this.#makeLane(), this.told);
    this.#capacity = new Capacity(settings, this.#lanes, () => owner.freed(this));
    this.#lanes.open();
  }

  /** Goes on under another policy. What has been learned of it stays, and so do its connections. */
  adjust(settings: RouteSettings): void {
    const { name, limits, ejection } = settings;
    const isGrown = limits.messageBytes > this.#settings.limits.messageBytes;
    this.#settings = settings;
    this.#state.route = name;
    this.#capacity.adjust(settings);
    if (this.#ejection.adjust(ejection, performance.now())) this.#returned('ejection is turned off');
    this.#lanes.resize(limits.messageBytes, isGrown);
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

  /** Attempts that it has not answered yet, those that nobody waits for in time any more included. */
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

  /** Whether as many are unanswered as may be: one more is sent only in place of a late one. */
  get isCrowded(): boolean {
    return this.#capacity.isCrowded;
  }

  /** Whether another lane would help: connected, below the cap, and none on its way already. */
  get canGrow(): boolean {
    return this.isUp && !this.#settings.connection.correlate && this.#capacity.wantsLane;
  }

  /** Opens another lane. Only where it `canGrow`. */
  grow(): void {
    this.#lanes.open();
  }

  /** Reserves a place for an attempt, which is the probe where one is due. Only where it `isFree`. */
  pick(caller: Caller, nowMs: number): Attempt | undefined {
    if (this.isProbeDue(nowMs)) this.#ejection.probe(nowMs, this.#settings.retry.timeoutMs);
    if (this.isCrowded && !this.#capacity.makeRoom()) return undefined;
    return this.#lanes.free?.pick(caller);
  }

  /** Closes lanes that have had nothing to do for so long, all but the first. */
  trim(idleMs: number, nowMs: number): void {
    this.#lanes.trim(idleMs, nowMs);
  }

  /** It is not in the set any more: it takes nothing new, and is `gone` when what is in flight has ended. */
  terminate(why: string): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    if (this.inFlight > 0) this.#state.become('terminating', why);
    else this.#state.why = why;
    this.#lanes.finish();
    this.#goneIfDone();
  }

  /** Closes every lane; attempts under way fail as lost. */
  close(): void {
    this.terminate('leaving');
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
    if (this.#isLeaving) return;
    // Another process may be there now.
    if (this.connection === 'down') {
      this.latency = new Latency();
      this.#capacity.renew();
    }
    if (this.connection !== 'up') this.#turn('up', 'connected');
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
    // A late reply tells that it lives, and that it is too slow: it neither ejects nor brings back.
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
    if (!this.#isLeaving) this.#state.accepted();
  }

  closed(lane: Lane, why: string | undefined, wasReadyMs: number): void {
    this.#lanes.closed(lane, why !== undefined, wasReadyMs);
    if (this.#isLeaving) return this.#goneIfDone();
    if (why !== undefined) this.tried(why);
    this.#lanes.keepOne();
  }

  discarded(): void {
    this.#emit({ kind: 'lateReply', route: this.#settings.name, endpoint: this.address, fate: 'discarded' });
  }

  readonly told = (event: string): void => {
    this.#lastEvent = event;
  };

  /** It is down only when a connection has failed and none stands; that we have closed the last one ourselves tells nothing. */
  tried(why: string): void {
    if (this.#isLeaving) return;
    if (this.connection !== 'up') {
      if (this.#state.kind === this.connection) this.#state.tried(why);
    } else if (this.#lanes.countOf('ready', 'retired') === 0) this.#turn('down', why);
  }

  #turn(kind: 'up' | 'down', why: string): void {
    this.connection = kind;
    if (!this.isEjected) this.#state.become(kind, why);
    this.#owner.turned(this);
  }

  /** Leaves it out where this failure is one too many. */
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

  /** @throws {Error} EMFILE where no descriptor is left */
  #makeLane(): Lane {
    const { address } = this;
    const { connection, limits } = this.#settings;
    const { messageBytes } = limits;
    // With correlation the endpoint's limit decides, which a reload may change.
    const capacity = connection.correlate ? CORRELATED_MOST : 1;
    return new Lane({ address, capacity, messageBytes, connection }, this);
  }
}
