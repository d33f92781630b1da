import { formatDuration } from '../../duration.ts';
import type { AttemptFailure, AttemptResult, Events, RetryReason } from '../events.ts';
import { BUG, type Failure, type FailureCode, TOO_LATE } from '../outcome.ts';
import type { RouteSettings } from '../settings.ts';
import type { Attempt } from '../upstream/attempt.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Admission } from './admission.ts';
import type { RetryBudget } from './budget.ts';
import {
  AWAITING,
  DECIDED,
  ENDING,
  LINGERING,
  type Request,
  type RequestOwner,
  type RequestState,
  WAITING,
} from './request.ts';
import { afterFailure, mayHedge } from './retry.ts';
import { Timers } from './timers.ts';

/** If there was no endpoint for a hedge, how long to wait before looking again. */
const HEDGE_AGAIN_MS = 10;

/** Takes over each request once, when it has its result and nothing of it is in flight any more. */
interface Outcomes {
  /** Its reply is lent: its memory is used again as soon as this returns. Whoever keeps it copies it (`copyOf`). */
  deliver(request: Request, nowMs: number): void;
}

/**
 * The Lazy Pirate loop.
 *
 *     app REQ ─▶ turns of    ─▶ Lazy Pirate ─▶ balancer ─▶ lane ─▶ upstream REP
 *                its client     loop           choose an    one connection,
 *                                              endpoint     one endpoint
 *     app REQ ◀─────────────── Lazy Pirate ◀───────────── lane ◀─ upstream REP
 *
 *     timeout or lost ─▶ reset the lane ─▶ backoff ─▶ another endpoint
 *     give up ─▶ failure reply
 */
export class LazyPirate implements RequestOwner {
  /** Those in force. Each request keeps the policy under which it arrived. */
  settings: RouteSettings;
  /** For requests that are not sent yet, and for retries. */
  upstream: Upstream;
  readonly #admission: Admission;
  readonly #events: Events;
  readonly #random: () => number;
  readonly #budget: RetryBudget;
  readonly #delivery: Outcomes;
  readonly #timers = new Timers<Request>((request, nowMs) => this.#timeIsUp(request, nowMs));

  constructor(
    settings: RouteSettings,
    upstream: Upstream,
    budget: RetryBudget,
    admission: Admission,
    events: Events,
    delivery: Outcomes,
    random: () => number = Math.random,
  ) {
    this.settings = settings;
    this.upstream = upstream;
    this.#budget = budget;
    this.#admission = admission;
    this.#events = events;
    this.#delivery = delivery;
    this.#random = random;
  }

  /** It is the request's turn. From now on it goes its way until it is settled, at the latest at its deadline. */
  begin(request: Request, nowMs: number): void {
    request.state = WAITING;
    // If its client sends ahead, the request may have waited for its turn.
    if (nowMs >= request.deadlineMs) request.failure ??= TOO_LATE;
    this.advance(request, nowMs);
  }

  /** Its client has left: nobody waits for it any more. */
  abandon(request: Request): void {
    if (request.isDecided) return;
    const { code, message } = this.#reason(request);
    request.fail({ code, message: LEFT[code] ?? message });
  }

  advance(request: Request, nowMs: number): void {
    try {
      this.#loop(request, nowMs);
    } catch (error) {
      this.#broken(request, error, nowMs);
    }
  }

  /** Goes on with a request until it is settled or has to wait: for a place, for a reply, or until a time. */
  #loop(request: Request, nowMs: number): void {
    if (request.state === DECIDED) return;
    while (request.reply === undefined && request.failure === undefined) {
      const { state } = request;
      switch (state.kind) {
        case 'waiting': {
          const attempt = nowMs < request.deadlineMs ? this.upstream.send(request, nowMs) : undefined;
          if (attempt !== undefined) this.sent(request, attempt, nowMs);
          else if (nowMs < this.#waitsUntilMs(request)) return this.waitForPlace(request, nowMs);
          else {
            request.state = { kind: 'ending', withoutPlace: this.#whyNoPlace() };
            this.#leaveLine(request);
          }
          break;
        }
        case 'awaiting': {
          const failure = request.newestFailure;
          if (failure !== undefined) request.state = this.#afterFailure(request, failure, nowMs);
          else if (nowMs >= state.hedgeAtMs) this.#hedge(request, nowMs);
          else return this.#timers.set(request, Math.min(state.hedgeAtMs, request.nextTimeoutMs), nowMs);
          break;
        }
        case 'pausing':
          if (nowMs < Math.min(state.untilMs, request.deadlineMs))
            return this.#timers.set(request, Math.min(state.untilMs, request.nextTimeoutMs), nowMs);
          request.state = WAITING;
          break;
        case 'lingering':
          if (request.isOpen && nowMs < request.deadlineMs)
            return this.#timers.set(request, request.nextTimeoutMs, nowMs);
          request.state = ENDING;
          break;
        case 'ending':
          if (request.isAwaiting && nowMs < request.deadlineMs)
            return this.#timers.set(request, request.nextTimeoutMs, nowMs);
          request.failure = this.#reason(request);
          break;
        case 'queued':
        case 'decided':
          return;
      }
    }
    this.#conclude(request, nowMs);
  }

  /** @param reason the reason for the retry, if it is one */
  sent(
    request: Request,
    attempt: Attempt,
    nowMs: number,
    reason: RetryReason | undefined = request.newestFailure,
  ): void {
    if (reason === undefined) {
      this.#budget.deposit(nowMs);
      this.#admission.start(request);
    } else this.#events.emit('retry', { request, reason });
    const { hedgeMs } = request.policy;
    request.attempts.push(attempt);
    request.state = hedgeMs === undefined ? AWAITING : { kind: 'awaiting', hedgeAtMs: nowMs + hedgeMs };
    this.#events.emit('sent', attempt);
  }

  waitForPlace(request: Request, nowMs: number): void {
    this.#timers.set(request, Math.min(this.#waitsUntilMs(request), request.nextTimeoutMs), nowMs);
  }

  replyTooLarge(bytes: number): Failure {
    const { messageBytes } = this.settings.endpoints;
    const message =
      bytes <= messageBytes
        ? 'the reply has too many frames'
        : `the reply has ${bytes} bytes; at most ${messageBytes} are allowed`;
    return { code: 'REPLY_TOO_LARGE', message };
  }

  resulted(attempt: Attempt, result: AttemptResult, nowMs: number): void {
    if (attempt.result === undefined) {
      attempt.result = result;
      attempt.endedMs = nowMs;
      this.#events.emit('attempt', attempt);
    } else if (result === 'ok') {
      const { endpoint, request } = attempt;
      this.#events.emit('lateReply', { route: request.route, endpoint, fate: 'salvaged', request });
    }
  }

  /** A request waits for a place until its deadline, or while no endpoint is usable for as long as `wait` says. */
  #waitsUntilMs({ arrivedMs, deadlineMs, policy }: Request): number {
    const { isUsable, unusableSinceMs } = this.upstream;
    if (isUsable) return deadlineMs;
    return Math.min(deadlineMs, Math.max(arrivedMs, unusableSinceMs) + policy.waitMs);
  }

  #afterFailure(request: Request, failure: AttemptFailure, nowMs: number): RequestState {
    const failed = {
      failure,
      attempts: request.attempts.length,
      leftMs: request.deadlineMs - nowMs,
      replyPossible: request.isOpen,
    };
    const verdict = afterFailure(request.policy, failed, this.#random, () => this.#budget.withdraw(nowMs));
    if (verdict.kind === 'retry')
      return verdict.delayMs > 0 ? { kind: 'pausing', untilMs: nowMs + verdict.delayMs } : WAITING;
    this.#events.emit('retryDenied', { request, reason: verdict.denied });
    return verdict.kind === 'linger' ? LINGERING : ENDING;
  }

  /** Also sends the request to another endpoint, if allowed and if there is one. The first reply wins. */
  #hedge(request: Request, nowMs: number): void {
    const { policy, attempts, deadlineMs } = request;
    if (!mayHedge(policy, attempts.length, deadlineMs - nowMs)) {
      request.state = AWAITING;
      return;
    }
    const endpoint = this.upstream.elsewhere(request, nowMs);
    // It does not count as a denied retry, because no attempt has failed: the previous one is still awaited.
    if (endpoint !== undefined && this.#budget.withdraw(nowMs))
      return this.sent(request, endpoint.send(request, nowMs), nowMs, 'hedge');
    const againMs = Math.max(policy.hedgeMs ?? 0, HEDGE_AGAIN_MS);
    request.state = { kind: 'awaiting', hedgeAtMs: nowMs + againMs };
  }

  /** Why there is no reply. What can still be taken back is. */
  #reason(request: Request): Failure {
    const { newestFailure, policy, state } = request;
    request.takeBack();
    const noPlace =
      state.kind === 'ending'
        ? state.withoutPlace
        : state.kind === 'waiting'
          ? this.#whyNoPlace()
          : undefined;
    if (!request.mayHaveLeft)
      return noPlace ?? this.#whyNoPlace() ?? (newestFailure === 'unsent' ? UNSENT : NOT_TAKEN);
    const further = noPlace === undefined ? '' : `. There was no further attempt: ${noPlace.message}`;
    if (newestFailure !== undefined && newestFailure !== 'timeout')
      return { code: 'LOST', message: `${MESSAGES[newestFailure]}${further}` };
    const each = formatDuration(policy.timeoutMs);
    return { code: 'TIMEOUT', message: `no reply in time (${each} per attempt)${further}` };
  }

  /** Why a request has to wait for a place at an endpoint; `undefined` if there is one. */
  #whyNoPlace(): Failure | undefined {
    const { isUsable, isFull, whyUnusable } = this.upstream;
    if (!isUsable) return { code: 'NO_ENDPOINTS', message: whyUnusable };
    return isFull ? { code: 'OVERLOADED', message: 'every endpoint was busy until the deadline' } : undefined;
  }

  #timeIsUp(request: Request, nowMs: number): void {
    try {
      request.timeOut(nowMs);
      this.#loop(request, nowMs);
    } catch (error) {
      this.#broken(request, error, nowMs);
    }
  }

  /** A bug must not keep a request from being settled. */
  #broken(request: Request, error: unknown, nowMs: number): void {
    this.#events.emit('internalError', { route: request.route, error });
    if (request.state === DECIDED) return;
    request.failure = BUG;
    this.#conclude(request, nowMs);
  }

  /** Releases everything that the request holds, and passes its result on. */
  #conclude(request: Request, nowMs: number): void {
    // It may have ended meanwhile. When it leaves the line, another request may end whose client reads nothing. Then that client loses its
    // connection, and all of its requests end, also this one.
    if (request.state === DECIDED) return;
    request.state = DECIDED;
    this.#timers.clear(request);
    if (request.line !== undefined) this.#leaveLine(request);
    for (const attempt of request.attempts) if (attempt.state !== 'ended') this.#release(attempt, nowMs);
    const isHeldBack = this.upstream.isHeldBack;
    this.#admission.end(request);
    this.#delivery.deliver(request, nowMs);
    if (isHeldBack) this.upstream.freed();
  }

  /** Those behind it may fit where it did not. */
  #leaveLine(request: Request): void {
    if (request.line === undefined) return;
    request.line.leave(request);
    this.upstream.freed();
  }

  #release(attempt: Attempt, nowMs: number): void {
    try {
      this.resulted(attempt, 'cancelled', nowMs);
      attempt.lane.release(attempt, nowMs);
    } catch (error) {
      this.#events.emit('internalError', { route: attempt.request.route, error });
    }
  }
}

/** Endpoints were up, and at the last moment not full, but no connection took it. So load was the cause, not a missing endpoint. */
const NOT_TAKEN: Failure = {
  code: 'OVERLOADED',
  message: 'no connection to an endpoint could take the request in time',
};
const MESSAGES = {
  unsent: 'the connection dropped before the request could be sent',
  lost: 'the connection dropped before the reply came',
  protocol: 'the upstream sent something that is not a reply',
} as const;
/** Why a request whose app left has no reply, where the reason would name a time that was not up yet. */
const LEFT: Partial<Record<FailureCode, string>> = {
  TIMEOUT: 'no reply had come when the app left',
  OVERLOADED: 'it still waited to be sent when the app left',
};
const UNSENT: Failure = { code: 'NO_ENDPOINTS', message: MESSAGES.unsent };
