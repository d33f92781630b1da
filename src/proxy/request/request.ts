import type { Body } from '../../transport/message.ts';
import type { ReplyFate } from '../../transport/transport.ts';
import type { AttemptFailure, AttemptResult, TraceParent } from '../events.ts';
import { type Cause, type Executed, type Failure, type Outcome, TOO_LATE } from '../outcome.ts';
import type { RetryPolicy, RouteSettings } from '../settings.ts';
import type { Attempt } from '../upstream/attempt.ts';
import type { PendingRequest } from '../upstream/pending-request.ts';
import type { Line } from '../upstream/waiting-line.ts';
import type { Admitted, Stage } from './admission.ts';
import { type Timed, UNSET } from './timers.ts';

/**
 * `queued`: its turn has not come. `waiting`: for a place at an endpoint. `awaiting`: the first reply to any of its attempts.
 * `pausing`: before the next attempt. `lingering`: nothing more is sent, but a late reply may come until the deadline. `ending`: nothing
 * more is sent, but the attempts before the last one (hedges) have until their timeouts. `decided`: it has its result, and nothing of it is in flight.
 */
export type RequestState =
  | { kind: 'queued' | 'waiting' | 'lingering' | 'decided' }
  /** @property withoutPlace why no endpoint could be had for another attempt, if it is for this */
  | { kind: 'ending'; withoutPlace?: Failure | undefined }
  /** @property hedgeAtMs when another attempt starts beside the newest one */
  | { kind: 'awaiting'; hedgeAtMs: number }
  | { kind: 'pausing'; untilMs: number };

const QUEUED: RequestState = { kind: 'queued' };
export const WAITING: RequestState = { kind: 'waiting' };
export const AWAITING: RequestState = { kind: 'awaiting', hedgeAtMs: Number.POSITIVE_INFINITY };
export const LINGERING: RequestState = { kind: 'lingering' };
export const ENDING: RequestState = { kind: 'ending' };
export const DECIDED: RequestState = { kind: 'decided' };

/** Who sent a request, and gets its outcome. */
export interface RequestClient {
  /** How many of its requests are queued. */
  queued: number;
  readonly hasLeft: boolean;
  /** Where it connected from, if the transport can tell. */
  readonly address: string | undefined;
  reply(envelope: Buffer, body: Body): ReplyFate | Promise<ReplyFate>;
  /** The request is settled. */
  done(request: Request): void;
}

/** Told when something has happened to a request. */
export interface RequestOwner {
  /** With the name of the route. */
  readonly settings: Pick<RouteSettings, 'name'>;
  advance(request: Request, nowMs: number): void;
  /** How long the request may wait for a place has changed: the upstream became usable or unusable. */
  waitForPlace(request: Request, nowMs: number): void;
  /** An attempt was given a place that the request waited for. */
  sent(request: Request, attempt: Attempt, nowMs: number): void;
  /** Why a reply of this size is none. */
  replyTooLarge(bytes: number): Failure;
  /** An attempt has its result. */
  resulted(attempt: Attempt, result: AttemptResult, nowMs: number): void;
}

/** What is known about a request when it arrives. */
type Arrival = Pick<
  Request,
  'number' | 'run' | 'client' | 'envelope' | 'body' | 'bytes' | 'weight' | 'arrivedMs' | 'policy'
>;

/** One request of the app, from its arrival to its outcome: its attempts, what it waits for, and its result. */
export class Request implements PendingRequest, Admitted, Timed {
  /** Counts the requests of its route from 1. */
  readonly number: number;
  /** What the ids of its route begin with: `ROUTE.RUN`. */
  readonly run: string;
  readonly client: RequestClient;
  /** Wire bytes that its reply must start with. */
  readonly envelope: Buffer;
  readonly body: Body;
  /** The size of the body as it arrived. */
  readonly bytes: number;
  /** The memory that it takes, in bytes. */
  readonly weight: number;
  /** By `performance.now`, like all times here. */
  readonly arrivedMs: number;
  /** The policy that was in force when it arrived. */
  readonly policy: RetryPolicy;
  /** When it must have its outcome. */
  deadlineMs: number;
  state: RequestState = QUEUED;
  traceParent: TraceParent | undefined;
  readonly attempts: Attempt[] = [];
  /** The first reply to any of its attempts. */
  reply: Body | undefined;
  /** Why it ended without a reply. */
  failure: Failure | undefined;

  cause: Cause | undefined;
  outcome: Outcome | undefined;
  elapsedMs = 0;
  executed: Executed = 'no';
  replyBytes = 0;

  /** Its position among the requests of its client in flight. */
  index = 0;
  stage: Stage = 'outside';
  line: Line | undefined;
  ahead: Request | undefined;
  behind: Request | undefined;
  bucket = UNSET;
  tick = 0;
  earlier: this | undefined;
  later: this | undefined;
  readonly #owner: RequestOwner;

  constructor(arrival: Arrival, owner: RequestOwner) {
    const { number, run, client, envelope, body, bytes, weight, arrivedMs, policy } = arrival;
    this.number = number;
    this.run = run;
    this.client = client;
    this.envelope = envelope;
    this.body = body;
    this.bytes = bytes;
    this.weight = weight;
    this.arrivedMs = arrivedMs;
    this.policy = policy;
    this.deadlineMs = arrivedMs + policy.deadlineMs;
    this.#owner = owner;
  }

  get id(): string {
    return `${this.run}.${this.number}`;
  }

  get from(): string | undefined {
    return this.client.address;
  }

  get route(): string {
    return this.#owner.settings.name;
  }

  /** Whether there is nothing left to wait for. */
  get isDecided(): boolean {
    return this.reply !== undefined || this.failure !== undefined;
  }

  /** Whether a reply to any of its attempts may still arrive. */
  get isOpen(): boolean {
    return this.attempts.some(({ state }) => state !== 'ended');
  }

  /** Whether an attempt is in flight that has not timed out yet. */
  get isAwaiting(): boolean {
    return this.attempts.some(({ state }) => state === 'awaited');
  }

  /** When the next attempt times out, or the deadline. */
  get nextTimeoutMs(): number {
    let nextMs = this.deadlineMs;
    for (const { state, sentMs } of this.attempts)
      if (state === 'awaited') nextMs = Math.min(nextMs, sentMs + this.policy.timeoutMs);
    return nextMs;
  }

  /** Why the newest attempt failed, if it did. */
  get newestFailure(): AttemptFailure | undefined {
    const result = this.attempts.at(-1)?.result;
    return result === 'ok' || result === 'cancelled' ? undefined : result;
  }

  /** Whether an attempt may have left this process. */
  get mayHaveLeft(): boolean {
    return this.attempts.some(({ isUnsent }) => !isUnsent);
  }

  /** Takes back the attempts that have not left this process. */
  takeBack(): void {
    for (const attempt of this.attempts) attempt.lane.withdraw(attempt);
  }

  /** Times out the attempts that have had their time. */
  timeOut(nowMs: number): void {
    for (const attempt of this.attempts) {
      if (attempt.state !== 'awaited') continue;
      if (nowMs < Math.min(attempt.sentMs + this.policy.timeoutMs, this.deadlineMs)) continue;
      this.#owner.resulted(attempt, 'timeout', nowMs);
      attempt.lane.timeOut(attempt, nowMs);
      if (!this.policy.salvage) attempt.lane.release(attempt, nowMs);
    }
  }

  /** Moves the deadline forward to this time, unless it is earlier already. */
  shorten(deadlineMs: number): void {
    if (deadlineMs >= this.deadlineMs) return;
    this.deadlineMs = deadlineMs;
    if (this.state.kind !== 'queued') this.#advance();
  }

  /** Ends without a reply. */
  fail(failure: Failure): void {
    if (this.isDecided) return;
    this.failure = failure;
    if (this.state.kind !== 'queued') this.#advance();
  }

  granted(attempt: Attempt, nowMs: number): void {
    this.#owner.sent(this, attempt, nowMs);
    this.#advance(nowMs);
  }

  tooLate(): void {
    if (this.attempts.length === 0) this.fail(TOO_LATE);
    else this.#advance();
  }

  usableChanged(): void {
    if (this.line === undefined) this.#advance();
    else this.#owner.waitForPlace(this, performance.now());
  }

  replied(attempt: Attempt, body: Body, nowMs: number): void {
    this.reply ??= body;
    this.#owner.resulted(attempt, 'ok', nowMs);
    this.#owner.advance(this, nowMs);
  }

  replyTooLarge(attempt: Attempt, bytes: number, nowMs: number): void {
    this.failure ??= this.#owner.replyTooLarge(bytes);
    this.#owner.resulted(attempt, 'protocol', nowMs);
    this.#advance(nowMs);
  }

  failed(attempt: Attempt, failure: 'unsent' | 'lost' | 'protocol'): void {
    const nowMs = performance.now();
    this.#owner.resulted(attempt, failure, nowMs);
    this.#advance(nowMs);
  }

  forgotten(attempt: Attempt): void {
    attempt.lane.release(attempt, performance.now());
    // Not now: the place is for the request that needs it, not for another one of this client.
    queueMicrotask(() => this.#advance());
  }

  #advance(nowMs = performance.now()): void {
    if (this.state !== DECIDED) this.#owner.advance(this, nowMs);
  }
}
