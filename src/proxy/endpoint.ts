import type { Discovered } from '../discovery/discovery.ts';
import { messageOf } from '../errors.ts';
import type { Attempt, Caller } from './attempt.ts';
import { Latency } from './balancer.ts';
import { ConcurrencyLimit } from './concurrency.ts';
import { Ejection } from './ejection.ts';
import { EndpointState } from './endpoint-state.ts';
import type { Emit, ResetReason } from './events.ts';
import { Lane, type LaneOwner } from './lane.ts';
import type { RouteSettings } from './settings.ts';
import type { EndpointStatus } from './status.ts';

/** A connection that stood this long was a good one: the next is tried at once. */
const HEALTHY_MS = 1_000;
const REOPEN_BASE_MS = 25;
const REOPEN_MAX_MS = 500;
const HANDSHAKE_FAILED = 'the handshake failed';
/** A late reply is expected for so many times as long as the last reply took. */
const PATIENCE = 1.5;

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
  /** Attempts that it has not answered yet, those that nobody waits for in time any more included. */
  inFlight = 0;
  readonly #settings: RouteSettings;
  readonly #owner: EndpointOwner;
  readonly #emit: Emit;
  readonly #ejection: Ejection;
  readonly #limit: ConcurrencyLimit;
  readonly #lanes = new Set<Lane>();
  readonly #state: EndpointState;
  #reopening: NodeJS.Timeout | undefined;
  /** Lanes in a row that ended before they were any good. */
  #failures = 0;
  #lastEvent = 'none';
  /** How long the last reply took, late or not; 0 before the first. */
  #lastReplyMs = 0;
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
    this.#limit = new ConcurrencyLimit(settings.limits, settings.retry.timeoutMs);
    this.#state = new EndpointState(settings.name, address, emit);
    this.#open();
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

  /** Whether an attempt could be sent right now. */
  get isFree(): boolean {
    return !this.isFull && this.#freeLane() !== undefined;
  }

  get isFull(): boolean {
    return this.inFlight >= this.#settings.limits.inFlightPerEndpoint || this.#pressure >= this.#limit.value;
  }

  /** Whether another lane would help: connected, below the cap, and none on its way already. */
  get canGrow(): boolean {
    if (!this.isUp || this.isFull || this.#settings.correlate) return false;
    if (this.#reopening !== undefined || this.#lanes.size >= 2 * this.#settings.limits.inFlightPerEndpoint)
      return false;
    return this.#pressure + this.#countOf('connecting') < this.#limit.value;
  }

  /** Opens another lane. Only where it `canGrow`. */
  grow(): void {
    this.#open();
  }

  /** Reserves a place for an attempt, which is the probe where one is due. Only where it `isFree`. */
  pick(caller: Caller, nowMs: number): Attempt | undefined {
    if (this.isProbeDue(nowMs)) this.#ejection.probe(nowMs, this.#settings.retry.timeoutMs);
    return this.#freeLane()?.pick(caller);
  }

  /** Closes lanes that have had nothing to do for so long, all but the first. */
  trim(idleMs: number, nowMs: number): void {
    for (const lane of [...this.#lanes].slice(1)) if (lane.idleMs(nowMs) >= idleMs) lane.close();
  }

  /** It is not in the set any more: it takes nothing new, and is `gone` when what is in flight has ended. */
  terminate(why: string): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    clearTimeout(this.#reopening);
    if (this.inFlight > 0) this.#state.become('terminating', why);
    else this.#state.why = why;
    for (const lane of this.#lanes) lane.finish();
    this.#goneIfDone();
  }

  /** Closes every lane; attempts under way fail as lost. */
  close(): void {
    this.terminate('leaving');
    for (const lane of this.#lanes) lane.close();
  }

  status(nowMs: number): EndpointStatus {
    const { state } = this.#ejection;
    return {
      address: this.address,
      state: this.#state.kind,
      sinceMs: nowMs - this.#state.sinceMs,
      why: this.#state.why,
      inFlight: this.inFlight,
      inFlightLimit: this.#limit.value,
      lanes: this.#lanes.size,
      latencyMs: this.latency.averageMs,
      lastEvent: this.#lastEvent,
      nextProbeMs: state.kind === 'in' ? undefined : Math.max(0, state.untilMs - nowMs),
    };
  }

  opened(): void {
    if (this.#isLeaving) return;
    // Another process may be there now.
    if (this.connection === 'down') {
      this.latency = new Latency();
      this.#lastReplyMs = 0;
    }
    if (this.connection !== 'up') this.#turn('up', 'connected');
    this.#owner.freed(this);
  }

  loaded(_lane: Lane, count: number): void {
    this.inFlight += count;
    if (count < 0) this.#owner.freed(this);
  }

  answered({ phase, sentMs }: Attempt, nowMs: number): void {
    this.#failures = 0;
    this.latency.observe(nowMs - sentMs, nowMs);
    this.#lastReplyMs = nowMs - sentMs;
    if (phase === 'awaited') this.#limit.answered(nowMs - sentMs, this.inFlight);
    // A late reply tells that it lives, and that it is too slow: it neither ejects nor brings back.
    if (this.#isLeaving || phase !== 'awaited' || !this.#ejection.succeeded(sentMs, nowMs)) return;
    this.#state.become(this.connection, 'it answered');
    this.#owner.ejectionTurned(this);
    this.#owner.freed(this);
  }

  overdue({ sentMs }: Attempt, nowMs: number): void {
    this.latency.overdue(nowMs - sentMs, nowMs);
    this.#limit.overdue(sentMs, nowMs, this.inFlight);
    const patienceMs = PATIENCE * this.#lastReplyMs - (nowMs - sentMs);
    if (patienceMs > 0) setTimeout(() => this.#owner.freed(this), patienceMs + 1).unref();
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
    if (reason !== 'lost' && state.kind === 'retired') this.#keepOne();
  }

  refused(): void {
    this.#failed('nobody answers there');
  }

  closed(lane: Lane, reason: 'lost' | 'protocol' | undefined, wasReadyMs: number): void {
    this.#lanes.delete(lane);
    if (this.#isLeaving) return this.#goneIfDone();
    if (reason !== undefined) {
      this.#failures = wasReadyMs >= HEALTHY_MS ? 0 : this.#failures + 1;
      const dropped = wasReadyMs > 0 ? 'the connection dropped' : HANDSHAKE_FAILED;
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
    if (this.#isLeaving) return;
    if (this.connection !== 'up') {
      if (this.#state.kind !== this.connection) return;
      // Somebody is there who does not let us in: that is worth telling, once.
      if (why === HANDSHAKE_FAILED && this.#state.why !== why) this.#state.become(this.connection, why);
      this.#state.why = why;
    } else if (this.#countOf('ready') + this.#countOf('retired') === 0) this.#turn('down', why);
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

  #goneIfDone(): void {
    if (this.#lanes.size > 0 || this.#state.kind === 'gone') return;
    this.#state.become('gone', this.#state.why);
    this.#owner.gone(this);
  }

  /** What it has to work on, as far as we know: what it has had for so long that no reply is expected any more is lost. */
  get #pressure(): number {
    if (this.#limit.isAtMost) return this.inFlight;
    const sinceMs = performance.now() - PATIENCE * this.#lastReplyMs;
    let count = 0;
    for (const lane of this.#lanes) count += lane.countExpected(sinceMs);
    return count;
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
    if (this.#isLeaving || this.#reopening !== undefined) return;
    if (this.#countOf('ready') + this.#countOf('connecting') > 0) return;
    if (this.#failures === 0) return this.#open();
    const delayMs = Math.random() * Math.min(REOPEN_MAX_MS, REOPEN_BASE_MS * 2 ** this.#failures);
    this.#reopening = setTimeout(() => {
      this.#reopening = undefined;
      this.#open();
    }, delayMs);
  }

  #open(): void {
    const { correlate, heartbeat, curve, limits } = this.#settings;
    const { messageBytes, inFlightPerEndpoint } = limits;
    const capacity = correlate ? inFlightPerEndpoint : 1;
    try {
      this.#lanes.add(
        new Lane({ address: this.address, correlate, capacity, messageBytes, heartbeat, curve }, this),
      );
    } catch (error) {
      this.#lastEvent = `no socket: ${messageOf(error)}`;
      this.#failures++;
      this.#keepOne();
    }
  }
}
