import type { Discovered } from '../../discovery/discovery.ts';
import type { Transport } from '../../transport/transport.ts';
import type { Events, ObservedEndpoint, ResetReason } from '../events.ts';
import type { Correlate, RouteSettings } from '../settings.ts';
import type { EndpointStatus, Trouble } from '../status.ts';
import type { Attempt } from './attempt.ts';
import { Capacity } from './capacity.ts';
import { EndpointHealth } from './endpoint-health.ts';
import type { EndpointOwner } from './endpoint-owner.ts';
import { EndpointReport } from './endpoint-report.ts';
import { Lane } from './lane.ts';
import type { LaneOwner } from './lane-owner.ts';
import { Lanes } from './lanes.ts';
import { Latency } from './latency.ts';
import type { PendingRequest } from './pending-request.ts';
import { targetOf } from './target.ts';
import type { Unanswered } from './trouble.ts';

/** One address of an upstream, and its lanes. It keeps at least one lane connected or trying, and opens more on demand, up to a limit. */
export class Endpoint implements LaneOwner {
  readonly address: string;
  readonly identity: string | undefined;
  observed: ObservedEndpoint;
  /** The latency of the current process at the address, as far as it is known to be the same one. */
  latency = new Latency();
  /** A peer there did not echo the id of an attempt. */
  isPlain = false;
  #settings: RouteSettings;
  readonly #correlate: Correlate;
  readonly #owner: EndpointOwner;
  readonly #transport: Transport;
  readonly #health: EndpointHealth;
  readonly #lanes: Lanes;
  readonly #capacity: Capacity;
  readonly #report: EndpointReport;
  #isMakingRoom = false;

  constructor(
    { identity, ...endpoint }: Discovered,
    settings: RouteSettings,
    owner: EndpointOwner,
    transport: Transport,
    events: Events,
    random: () => number,
  ) {
    this.#transport = transport;
    this.address = endpoint.address;
    this.identity = identity;
    this.observed = endpoint;
    this.#settings = settings;
    this.#correlate = settings.upstream.connection.correlate;
    this.#owner = owner;
    this.#report = new EndpointReport(settings.name, endpoint, events);
    const { ejection } = settings.endpoints;
    this.#health = new EndpointHealth(ejection, this.#report, random, () => owner.freed(this));
    this.#capacity = new Capacity(settings.endpoints, () => owner.freed(this));
    this.#capacity.isCorrelated = this.#correlate === true;
    this.#lanes = new Lanes(
      () => this.#makeLane(),
      () => owner.freed(this),
    );
    this.#lanes.open();
  }

  /** The route has another name. */
  rename(name: string): void {
    this.#report.route = name;
  }

  /** Applies other settings of endpoints. Its connections stay, and so does everything that was learned about it. */
  adjust(settings: RouteSettings): void {
    const { endpoints } = settings;
    const isResized = endpoints.messageBytes !== this.#settings.endpoints.messageBytes;
    this.#settings = settings;
    this.#capacity.adjust(endpoints);
    if (this.#health.adjust(endpoints.ejection)) this.#owner.ejectionTurned(this);
    if (isResized) this.#lanes.replace();
  }

  /** Discovery may have learned more about it: its address and identity are the same. */
  renew({ identity: _, ...endpoint }: Discovered): void {
    this.observed = this.#report.endpoint = endpoint;
  }

  /** Why it is in its state, for users. */
  get why(): string {
    return this.#report.why;
  }

  get isUp(): boolean {
    return this.#health.state === 'up';
  }

  get isEjected(): boolean {
    return this.#health.isEjected;
  }

  isProbeDue(nowMs: number): boolean {
    return this.#health.isProbeDue(nowMs);
  }

  /** Attempts that it has not answered yet, including those that have timed out. */
  get inFlight(): number {
    return this.#capacity.inFlight;
  }

  /** Whether an attempt could be sent right now. */
  get isFree(): boolean {
    return !this.#capacity.isFull && this.#lanes.free !== undefined;
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
    if (!this.isUp || this.isFull) return false;
    if (this.#correlate === true || this.#lanes.hasCorrelated) return false;
    if (this.#lanes.isPausing || this.#lanes.size >= this.#capacity.lanesMost) return false;
    const opening = this.#lanes.countOf('connecting', 'handshaking');
    return this.#capacity.pressure(performance.now()) + opening < this.#capacity.limit;
  }

  /** Opens another lane. Call this only if it `canGrow`. */
  grow(): void {
    this.#lanes.open();
  }

  /** Sends a request: as the probe if one is due, and in the place of a late attempt if there is no other. Call this only if it `isFree`. */
  send(request: PendingRequest, nowMs: number): Attempt {
    const { free } = this.#lanes;
    if (free === undefined) throw new Error('no lane is free');
    this.#health.sending(nowMs, this.#settings.endpoints.timeoutMs);
    // The late attempt is on a lane that takes no more, so this one stays free.
    if (this.#capacity.isCrowded) this.#makeRoom();
    return free.send(request, nowMs);
  }

  /** Closes lanes that have been idle for this long, except the first that is connected. */
  trim(idleMs: number, nowMs: number): void {
    this.#lanes.trim(idleMs, nowMs);
  }

  /** It is no longer in the set. It takes no more attempts, and is `gone` when those in flight have ended. */
  terminate(why: string): void {
    if (this.#health.isRemoved) return;
    this.#health.terminate(why, this.inFlight > 0);
    this.#lanes.finish();
    this.#goneIfDone();
  }

  /** Closes every lane; attempts in flight fail as lost. */
  close(): void {
    this.terminate('shutting down');
    this.#lanes.close();
  }

  status(nowMs: number): EndpointStatus {
    return {
      ...this.#health.status(nowMs),
      inFlight: this.inFlight,
      inFlightLimit: this.#capacity.limit,
      lanes: this.#lanes.size,
      latencyMs: this.latency.replyMs,
      answered: this.#capacity.answered,
      unanswered: this.#capacity.unanswered,
    };
  }

  opened(): void {
    this.#report.lastEvent = 'connected';
    if (this.#health.isRemoved) return;
    // It may be another process now.
    if (this.#health.state === 'down') {
      this.latency = new Latency();
      this.#capacity.renew();
      this.#capacity.isCorrelated = this.#correlate === true;
    }
    if (this.#health.opened()) this.#owner.turned(this);
    this.#owner.freed(this);
  }

  proved(isEchoing: boolean): void {
    this.#capacity.isCorrelated = isEchoing;
    if (!isEchoing && !this.isPlain) {
      this.isPlain = true;
      this.#report.notEchoed();
    }
  }

  sent(attempt: Attempt): void {
    this.#capacity.sent(attempt);
  }

  ended(attempt: Attempt): void {
    this.#capacity.ended(attempt);
  }

  freed(): void {
    if (!this.#isMakingRoom) this.#owner.freed(this);
  }

  answered(attempt: Attempt, nowMs: number): void {
    const { state, sentMs } = attempt;
    this.#lanes.wasGood();
    this.latency.observe(nowMs - sentMs, nowMs);
    this.#capacity.wasAnswered(attempt, nowMs);
    // A late reply shows that the endpoint is alive but too slow, so it neither ejects it nor brings it back.
    if (state === 'awaited' && this.#health.answered(sentMs, nowMs)) this.#owner.ejectionTurned(this);
  }

  overdue(attempt: Attempt, nowMs: number): void {
    const { sentMs } = attempt;
    this.#capacity.overdue(attempt, nowMs);
    this.latency.overdue(nowMs - sentMs, nowMs);
    this.#judge(sentMs, nowMs, 'no_reply');
  }

  abandoned({ sentMs }: Attempt, nowMs: number): void {
    this.latency.atLeast(nowMs - sentMs, nowMs);
    this.#health.cutShort(sentMs, nowMs);
  }

  unsent(sentMs: number, nowMs: number): void {
    this.#health.cutShort(sentMs, nowMs);
  }

  unanswered(sentMs: number, nowMs: number): void {
    this.#judge(sentMs, nowMs, 'reply_lost');
  }

  retired(reason: ResetReason): void {
    this.#report.reset(reason);
    if (reason === 'timeout' || reason === 'abandoned') this.#lanes.keepOne();
  }

  accepted(): void {
    this.#report.lastEvent = 'accepted';
    if (!this.#health.isRemoved) this.#report.accepted();
  }

  closed(lane: Lane, trouble: Trouble | undefined, wasReadyMs: number): void {
    this.#lanes.closed(lane, trouble !== undefined, wasReadyMs);
    this.#report.closed(trouble);
    if (this.#health.isRemoved) return this.#goneIfDone();
    if (trouble !== undefined) this.#tried(trouble);
    this.#lanes.keepOne();
    // It was opened for who stands in line: now another endpoint is to open one.
    if (this.isUp && wasReadyMs === 0) this.#owner.freed();
  }

  discarded(): void {
    this.#report.discarded();
  }

  tookLong(trouble: Trouble): void {
    if (!this.#health.isRemoved) this.#tried(trouble);
  }

  #tried(trouble: Trouble): void {
    const isOpen = this.#lanes.countOf('ready', 'retired') > 0;
    if (this.#health.tried(trouble, isOpen)) this.#owner.turned(this);
  }

  /** Gives up the late attempt whose place is needed. */
  #makeRoom(): void {
    // By the clock, as when it was chosen: what is sent may have been due a moment ago.
    const late = this.#capacity.toForget(performance.now());
    this.#isMakingRoom = true;
    try {
      late?.request.forgotten(late);
    } finally {
      this.#isMakingRoom = false;
    }
  }

  #judge(sentMs: number, nowMs: number, why: Unanswered): void {
    this.#capacity.unanswered++;
    const mayEject = () => this.#owner.mayEject();
    if (this.#health.unanswered(sentMs, nowMs, why, mayEject)) this.#owner.ejectionTurned(this);
  }

  #goneIfDone(): void {
    if (this.#lanes.size === 0 && this.#health.emptied()) this.#owner.gone(this);
  }

  #makeLane(): Lane {
    return new Lane(this.#transport, targetOf(this.address, this.#settings), this.#correlate, this);
  }
}
