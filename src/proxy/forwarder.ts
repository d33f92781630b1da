import type { Body } from '../transport/message.ts';
import type { Attempt } from './attempt.ts';
import { Bag } from './bag.ts';
import type { RetryBudget } from './budget.ts';
import { Call } from './call.ts';
import type { AttemptFailure, AttemptResult, Emit, RetryReason } from './events.ts';
import type { FailureCode } from './failure.ts';
import type { Load, Place, Waiting } from './load.ts';
import { afterFailure, mayHedge, type Verdict } from './retry.ts';
import type { Policy, RetryPolicy } from './settings.ts';
import type { Upstream } from './upstream.ts';

/** If there was no endpoint for a hedge, how long to wait before looking again. */
const HEDGE_AGAIN_MS = 10;

/** The result of a request. */
export type Settled = { attempts: number; endpoint: string | undefined } & (
  | { kind: 'reply'; body: Body }
  | { kind: 'failure'; code: FailureCode; message: string; executed: 'no' | 'maybe' }
);

/**
 * The Lazy Pirate loop.
 *
 *     app REQ ─▶ listener ─▶ forwarder ─▶ balancer ─▶ lane ─▶ upstream REP
 *                one client  Lazy Pirate   choose an    one connection,
 *                at a time   loop          endpoint     one endpoint
 *     app REQ ◀─ listener ◀─ forwarder ◀────────────── lane ◀─ upstream REP
 *
 *     timeout or lost ─▶ reset the lane ─▶ backoff ─▶ another endpoint
 *     give up ─▶ failure reply
 */
export class Forwarder {
  /** The current policy. Each request keeps its own retry policy. */
  policy: Policy;
  #upstream: Upstream;
  readonly #load: Load;
  readonly #emit: Emit;
  readonly #random: () => number;
  readonly #budget: RetryBudget;
  readonly #calls = new Bag<Call>();

  constructor(
    policy: Policy,
    upstream: Upstream,
    budget: RetryBudget,
    load: Load,
    emit: Emit,
    random: () => number = Math.random,
  ) {
    this.policy = policy;
    this.#upstream = upstream;
    this.#load = load;
    this.#emit = emit;
    this.#random = random;
    this.#budget = budget;
  }

  /**
   * Forwards one request until it is answered or given up, at the latest at its deadline.
   *
   * @param place the request's place in the load, which is free again when this resolves
   * @param arrivedMs when the request arrived, by `performance.now`
   * @param retry the retry policy in force at that time
   * @param deadlineMs by `performance.now`
   */
  async forward(
    body: Body,
    place: Place,
    arrivedMs: number,
    retry: RetryPolicy = this.policy.retry,
    deadlineMs = arrivedMs + retry.deadlineMs,
  ): Promise<Settled> {
    const call = new Call({ body, place, arrivedMs, deadlineMs }, retry, this.#ended);
    this.#calls.add(call);
    try {
      let failure: AttemptFailure | undefined;
      // If its client pipelines, the request may have waited for its turn.
      if (performance.now() >= call.deadlineMs) call.hopeless();
      while (!call.isDecided) {
        const attempt = this.#upstream.pick(call) ?? (await this.#stand(call));
        if (attempt === undefined) return await this.#giveUp(call, failure);
        // It may have been cut after it was given the place.
        if (call.isDecided) {
          attempt.lane.release(attempt);
          break;
        }
        this.#send(call, attempt, failure);
        failure = await this.#reply(call, attempt);
        if (failure === undefined) return this.#conclude(call);

        const verdict = this.#afterFailure(call, failure);
        if (verdict.kind === 'retry') await call.until(performance.now() + verdict.delayMs, () => true);
        if (verdict.kind === 'linger') await call.until(call.deadlineMs, () => call.pending.length > 0);
        if (verdict.kind !== 'retry' || call.isDecided) return await this.#giveUp(call, failure);
      }
      return this.#conclude(call);
    } finally {
      this.#settle(call);
    }
  }

  /** Ends every request in progress with a `DRAINING` failure. */
  cut(): void {
    for (const call of this.#calls.items) call.stop('cut');
  }

  /** Another upstream has taken over: requests not sent yet and retries go there. */
  set upstream(upstream: Upstream) {
    this.#upstream = upstream;
  }

  /** Requests of this client in progress end at this time at the latest. */
  hurry(client: Waiting, deadlineMs: number): void {
    for (const call of this.#calls.items) if (call.place.waiting === client) call.shorten(deadlineMs);
  }

  /** This client has left: nobody waits for its requests any more. */
  abandon(client: Waiting): void {
    for (const call of this.#calls.items) if (call.place.waiting === client) call.stop('left');
  }

  /** Waits for a place: until the deadline, or while no endpoint is usable for as long as `wait` says. */
  async #stand(call: Call): Promise<Attempt | undefined> {
    let upstream = this.#upstream;
    try {
      while (!call.isDecided) {
        const { isUsable, unusableSinceMs } = this.#upstream;
        const waitedSinceMs = Math.max(call.arrivedMs, unusableSinceMs);
        const untilMs = isUsable ? call.deadlineMs : waitedSinceMs + call.policy.waitMs;
        if ((await call.change(Math.min(call.deadlineMs, untilMs))) === 'time') return undefined;
        if (call.isDecided) return undefined;
        if (call.picked !== undefined) return takePicked(call);
        if (upstream !== this.#upstream) upstream.leave(call);
        upstream = this.#upstream;
        // The place was lost before it could be used, or there are other endpoints now.
        const attempt = this.#upstream.pick(call);
        if (attempt !== undefined) return attempt;
      }
      return undefined;
    } finally {
      upstream.leave(call);
    }
  }

  /** @param reason the reason for the retry, if it is one */
  #send(call: Call, attempt: Attempt, reason: RetryReason | undefined): void {
    if (reason === undefined) this.#budget.deposit(performance.now());
    else this.#emit({ kind: 'retry', route: this.policy.name, reason });
    call.tried.push(attempt.lane.address);
    call.pending.push(attempt);
    attempt.lane.send(attempt, call.body, performance.now());
  }

  /**
   * Waits for the first reply to any attempt of the call, and hedges meanwhile if configured.
   *
   * @returns why the newest attempt failed, if there was no reply
   */
  async #reply(call: Call, attempt: Attempt): Promise<AttemptFailure | undefined> {
    const { hedgeMs = Number.POSITIVE_INFINITY } = call.policy;
    let newest = attempt;
    let hedgeAtMs = newest.sentMs + hedgeMs;
    while (!call.isDecided) {
      if (newest.phase === 'late') return 'timeout';
      if (!call.pending.includes(newest)) return call.failure;
      if ((await call.change(Math.min(hedgeAtMs, call.deadlineMs))) === 'event') continue;
      const hedge = this.#hedge(call);
      newest = hedge ?? newest;
      hedgeAtMs = performance.now() + (hedge === undefined ? Math.max(hedgeMs, HEDGE_AGAIN_MS) : hedgeMs);
    }
    return undefined;
  }

  /** Also sends the request to another endpoint, if allowed and if there is one. The first reply wins. */
  #hedge(call: Call): Attempt | undefined {
    if (!mayHedge(call.policy, call.tried.length, call.deadlineMs - performance.now())) return undefined;
    const attempt = this.#upstream.pickElsewhere(call);
    if (attempt === undefined) return undefined;
    if (this.#budget.withdraw(performance.now())) {
      this.#send(call, attempt, 'hedge');
      return attempt;
    }
    // This does not count as a denied retry, because no attempt has failed: the previous one is still awaited.
    attempt.lane.release(attempt);
    return undefined;
  }

  #afterFailure(call: Call, failure: AttemptFailure): Verdict {
    const nowMs = performance.now();
    const failed = {
      failure,
      attempts: call.tried.length,
      leftMs: call.deadlineMs - nowMs,
      replyPossible: call.pending.length > 0,
    };
    const verdict = afterFailure(call.policy, failed, this.#random, () => this.#budget.withdraw(nowMs));
    if (verdict.kind !== 'retry') {
      this.#emit({ kind: 'retryDenied', route: this.policy.name, reason: verdict.denied });
    }
    return verdict;
  }

  /** Sends nothing more. Attempts other than the last one (hedges) still have until their timeouts. */
  async #giveUp(call: Call, failure: AttemptFailure | undefined): Promise<Settled> {
    await call.until(call.deadlineMs, () => call.isAwaiting);
    return this.#conclude(call, failure);
  }

  /** @param failure why the last attempt failed, if no further one is allowed */
  #conclude(call: Call, failure?: AttemptFailure): Settled {
    const attempts = call.tried.length;
    const endpoint = call.tried.at(-1);
    if (call.reply !== undefined) return { kind: 'reply', body: call.reply, attempts, endpoint };
    const wasSent = call.wasHandedOver();
    const executed = wasSent ? 'maybe' : 'no';
    return { kind: 'failure', ...this.#reason(call, failure, wasSent), executed, attempts, endpoint };
  }

  #reason(
    call: Call,
    failure: AttemptFailure | undefined,
    wasSent: boolean,
  ): { code: FailureCode; message: string } {
    const { limits } = this.policy;
    const { timeoutMs } = call.policy;
    if (call.end === 'replyTooLarge') {
      const message = `the reply has ${call.replyBytes} bytes; at most ${limits.messageBytes} are allowed`;
      return { code: 'REPLY_TOO_LARGE', message };
    }
    if (call.end === 'cut')
      return { code: 'DRAINING', message: 'the sidecar is shutting down and could not wait any longer' };
    if (call.end === 'hopeless')
      return { code: 'OVERLOADED', message: 'the request waited so long that no reply could come in time' };
    if (wasSent) {
      if (failure !== undefined && failure !== 'timeout') return { code: 'LOST', message: MESSAGES[failure] };
      return { code: 'TIMEOUT', message: `no reply in time (${timeoutMs} ms per attempt)` };
    }
    if (this.#upstream.isUsable && this.#upstream.isFull) {
      return { code: 'OVERLOADED', message: 'every endpoint was busy until the deadline' };
    }
    return { code: 'NO_ENDPOINTS', message: this.#upstream.whyUnusable };
  }

  /** The call is over: releases everything that it holds. */
  #settle(call: Call): void {
    this.#calls.delete(call);
    if (call.picked !== undefined) call.picked.lane.release(call.picked);
    for (const attempt of call.pending) {
      if (attempt.phase === 'awaited') this.#tell(attempt, 'cancelled');
      attempt.lane.release(attempt);
    }
    this.#load.end(call.place);
    this.#upstream.freed();
  }

  /** An attempt has ended. If it was already counted as a timeout, only the use of its late reply is reported. */
  readonly #ended = (attempt: Attempt, result: 'ok' | AttemptFailure): void => {
    if (attempt.phase !== 'late') return this.#tell(attempt, result);
    if (result !== 'ok') return;
    const { address } = attempt.lane;
    this.#emit({ kind: 'lateReply', route: this.policy.name, endpoint: address, fate: 'salvaged' });
  };

  #tell(attempt: Attempt, result: AttemptResult): void {
    const elapsedMs = performance.now() - attempt.sentMs;
    const { address } = attempt.lane;
    this.#emit({ kind: 'attempt', route: this.policy.name, endpoint: address, result, elapsedMs });
  }
}

const MESSAGES = {
  unsent: 'the connection dropped before the request could be sent',
  lost: 'the connection dropped before the reply came',
  protocol: 'the upstream sent something that is not a reply',
} as const;

function takePicked(call: Call): Attempt | undefined {
  const { picked } = call;
  call.picked = undefined;
  return picked;
}
