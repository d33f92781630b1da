import type { ConnectionEnd } from '../../transport/connection-end.ts';
import { type Body, DELIMITER, framesOf, MORE } from '../../transport/message.ts';
import type { Connection, ConnectionOwner, PeerInfo, Target, Transport } from '../../transport/transport.ts';
import type { ObservedEndpoint, ResetReason } from '../events.ts';
import type { Correlate } from '../settings.ts';
import type { Trouble } from '../status.ts';
import { Attempt } from './attempt.ts';
import type { LaneOwner } from './lane-owner.ts';
import type { PendingRequest } from './pending-request.ts';
import { Slots } from './slots.ts';
import { breaksProtocol, NO_HANDSHAKE, NO_REPLY } from './trouble.ts';

type LaneState =
  | { kind: 'connecting' }
  /** The peer has accepted the connection, but the ZMTP handshake is not complete. */
  | { kind: 'handshaking'; timer: NodeJS.Timeout }
  /** Connected and takes attempts. */
  | { kind: 'ready'; sinceMs: number }
  /** No longer trusted: takes no more attempts, but replies that are still awaited may arrive. */
  | { kind: 'retired'; sinceMs: number }
  | { kind: 'closed' };

/**
 * How attempts are told apart. `plain`: not at all. As a REQ does, the lane sends `["", body...]`, and carries one attempt at a
 * time. `correlated`: it sends `[attempt id, "", body...]`, which a REP must echo (RFC 28), and carries many. `proving`: it sends the
 * id, but carries one attempt until the first reply has shown that the peer echoes it.
 */
type Speech = 'plain' | 'proving' | 'correlated';

/** A handshake that takes longer than this is reported. */
const NOTABLE_MS = 3_000;

/**
 * One connection to one endpoint. When it drops, the lane is closed and its owner opens another one. Only the lane uses the
 * connection.
 */
export class Lane implements ConnectionOwner {
  state: LaneState = { kind: 'connecting' };
  readonly #owner: LaneOwner;
  readonly #correlate: Correlate;
  readonly #handshakeTimeoutMs: number;
  readonly #connection: Connection;
  readonly #attempts = new Slots<Attempt>();
  #speech: Speech = 'plain';
  #sent = 0;
  #lastUsedMs = performance.now();

  constructor(transport: Transport, target: Target, correlate: Correlate, owner: LaneOwner) {
    this.#owner = owner;
    this.#correlate = correlate;
    this.#handshakeTimeoutMs = target.handshakeTimeoutMs;
    this.#connection = transport.connect(target, this);
  }

  get endpoint(): ObservedEndpoint {
    return this.#owner.observed;
  }

  get isFree(): boolean {
    return this.state.kind === 'ready' && (this.#speech === 'correlated' || this.#attempts.size === 0);
  }

  /** Whether it carries as many attempts as its endpoint may have. */
  get isCorrelated(): boolean {
    return this.#speech === 'correlated';
  }

  /** How long it has been idle; 0 while it is not. */
  idleMs(nowMs: number): number {
    return this.isFree && this.#attempts.size === 0 ? nowMs - this.#lastUsedMs : 0;
  }

  /** Sends a request. Call this only if the lane `isFree`. */
  send(request: PendingRequest, nowMs: number): Attempt {
    const attempt = new Attempt(request, this, nowMs);
    attempt.id = SLOTS * (this.#sent++ % GENERATIONS) + this.#attempts.add(attempt);
    this.#lastUsedMs = nowMs;
    this.#owner.sent(attempt);
    const envelope = this.#speech === 'plain' ? DELIMITER : envelopeOfId(attempt.id);
    try {
      attempt.message = this.#connection.send(envelope, request.body);
    } catch (error) {
      // Nobody knows of it who could release its place.
      this.#delete(attempt);
      this.#owner.ended(attempt);
      throw error;
    }
    return attempt;
  }

  /** The attempt has timed out: the lane is no longer trusted, but a reply would still be accepted. */
  timeOut(attempt: Attempt, nowMs: number): void {
    if (attempt.state !== 'awaited') return;
    attempt.state = 'late';
    this.#retire('timeout');
    this.#owner.overdue(attempt, nowMs);
  }

  /** Takes an attempt back, if that is still possible: then it `isUnsent`. */
  withdraw(attempt: Attempt): void {
    if (!attempt.isUnsent && this.#has(attempt))
      attempt.isUnsent = this.#connection.withdraw(attempt.message);
  }

  /** Nobody waits for this attempt any more. It is taken back if it has not left this process. */
  release(attempt: Attempt, nowMs: number): void {
    this.withdraw(attempt);
    if (!this.#delete(attempt)) return;
    if (attempt.state === 'awaited') this.#owner.abandoned(attempt, nowMs);
    this.#owner.ended(attempt);
    attempt.state = 'ended';
    // Without correlation, this attempt's reply could not be told from the next one's.
    if (!attempt.isUnsent && this.#speech !== 'correlated') {
      this.#retire('abandoned');
      this.close();
    } else this.#closeIfDone();
    this.#owner.freed();
  }

  /** Takes no more attempts, and closes when those in flight have ended. */
  finish(): void {
    if (this.state.kind === 'ready') this.state = { kind: 'retired', sinceMs: this.state.sinceMs };
    if (this.state.kind === 'connecting' || this.state.kind === 'handshaking') this.close();
    else this.#closeIfDone();
  }

  /** Closes the connection on purpose; attempts in flight fail as lost. */
  close(): void {
    this.#end(undefined);
  }

  accepted(): void {
    if (this.state.kind !== 'connecting') return;
    const tell = () => this.#owner.tookLong(NO_HANDSHAKE);
    const timer = setTimeout(tell, Math.min(NOTABLE_MS, this.#handshakeTimeoutMs));
    this.state = { kind: 'handshaking', timer };
    this.#owner.accepted();
  }

  ready({ socketType }: PeerInfo): void {
    if (this.state.kind === 'handshaking') clearTimeout(this.state.timer);
    this.state = { kind: 'ready', sinceMs: performance.now() };
    if (this.#correlate === true) this.#speech = 'correlated';
    else if (this.#correlate === 'auto' && socketType === 'REP' && !this.#owner.isPlain)
      this.#speech = 'proving';
    this.#owner.opened();
  }

  message(envelope: Buffer, body: Body): void {
    const nowMs = performance.now();
    const attempt = this.#answered(envelope, nowMs);
    if (attempt === undefined) return;
    attempt.request.replied(attempt, body, nowMs);
    this.#closeIfDone();
    this.#owner.freed();
  }

  /** The connection is still good, so other attempts on it go on. */
  tooLarge(envelope: Buffer, bytes: number): void {
    const nowMs = performance.now();
    const attempt = this.#answered(envelope, nowMs);
    if (attempt === undefined) return;
    attempt.request.replyTooLarge(attempt, bytes, nowMs);
    this.#closeIfDone();
    this.#owner.freed();
  }

  malformed(): void {
    if (this.#speech === 'proving') this.#owner.proved(false);
    this.#end(NO_REPLY);
  }

  closed(end: ConnectionEnd): void {
    this.#end(end);
  }

  /** The attempt that a reply answers. If there is none, the connection may have been closed. */
  #answered(envelope: Buffer, nowMs: number): Attempt | undefined {
    if (this.state.kind === 'closed') return undefined;
    const id = idOf(envelope);
    const isEcho = id !== undefined && this.#speech !== 'plain';
    if (!isEcho && (this.#speech === 'correlated' || !isDelimiter(envelope))) {
      this.#end(NO_REPLY);
      return undefined;
    }
    const attempt = isEcho ? this.#attempts.at(id % SLOTS) : this.#attempts.at(0);
    if (attempt === undefined || (isEcho && attempt.id !== id)) {
      if (isEcho && Math.floor(id / SLOTS) < this.#sent) this.#owner.discarded();
      else this.#end(NO_REPLY);
      return undefined;
    }
    if (this.#speech === 'proving') {
      this.#speech = isEcho ? 'correlated' : 'plain';
      this.#owner.proved(isEcho);
    }
    this.#attempts.delete(attempt.id % SLOTS);
    this.#owner.answered(attempt, nowMs);
    attempt.state = 'ended';
    return attempt;
  }

  /** @param trouble why the connection failed, which is a reset; `undefined` if we close it on purpose */
  #end(trouble: Trouble | undefined): void {
    if (this.state.kind === 'closed') return;
    const reason = trouble !== undefined && breaksProtocol(trouble) ? 'protocol' : 'lost';
    if (this.state.kind === 'handshaking') clearTimeout(this.state.timer);
    const wasReadyMs = 'sinceMs' in this.state ? performance.now() - this.state.sinceMs : 0;
    const wasReady = this.state.kind === 'ready';
    this.state = { kind: 'closed' };
    if (trouble !== undefined && wasReady) this.#owner.retired(reason);
    this.#connection.close();
    const attempts = this.#attempts.clear();
    for (const attempt of attempts) {
      attempt.isUnsent = attempt.message > this.#connection.handedOver;
      this.#owner.ended(attempt);
    }
    if (trouble !== undefined) this.#tellUnanswered(attempts);
    // The endpoint knows first, so that a retry does not count on this lane.
    this.#owner.closed(this, trouble, wasReadyMs);
    for (const attempt of attempts) {
      attempt.state = 'ended';
      attempt.request.failed(attempt, attempt.isUnsent ? 'unsent' : reason);
    }
    if (attempts.length > 0) this.#owner.freed();
  }

  #retire(reason: ResetReason): void {
    if (this.state.kind !== 'ready') return;
    this.state = { kind: 'retired', sinceMs: this.state.sinceMs };
    this.#owner.retired(reason);
  }

  /** Late attempts have been reported already. */
  #tellUnanswered(attempts: readonly Attempt[]): void {
    const nowMs = performance.now();
    for (const { state, isUnsent, sentMs } of attempts) {
      if (state !== 'awaited') continue;
      if (isUnsent) this.#owner.unsent(sentMs, nowMs);
      else this.#owner.unanswered(sentMs, nowMs);
    }
  }

  #closeIfDone(): void {
    if (this.state.kind === 'retired' && this.#attempts.size === 0) this.close();
  }

  #has(attempt: Attempt): boolean {
    return this.#attempts.at(attempt.id % SLOTS) === attempt;
  }

  #delete(attempt: Attempt): boolean {
    if (!this.#has(attempt)) return false;
    this.#attempts.delete(attempt.id % SLOTS);
    return true;
  }
}

/** An id has 48 bits: 16 for the slot of the attempt, and 32 that count, so that ids do not repeat in a lane's life. */
const ID_BYTES = 6;
const SLOTS = 2 ** 16;
const GENERATIONS = 2 ** 32;
/** Of an id's frame, and of the delimiter. */
const ENVELOPE_BYTES = 2 + ID_BYTES + DELIMITER.length;

/** The wire bytes of the frames `[id, ""]`. */
function envelopeOfId(id: number): Buffer {
  const envelope = Buffer.allocUnsafe(ENVELOPE_BYTES);
  envelope[0] = MORE;
  envelope[1] = ID_BYTES;
  envelope.writeUIntBE(id, 2, ID_BYTES);
  envelope[2 + ID_BYTES] = MORE;
  envelope[3 + ID_BYTES] = 0;
  return envelope;
}

/** The id in an envelope of the form `[id, ""]`. */
function idOf(envelope: Buffer): number | undefined {
  if (envelope.length === ENVELOPE_BYTES && envelope[1] === ID_BYTES) return envelope.readUIntBE(2, ID_BYTES);
  if (envelope.length <= ENVELOPE_BYTES) return undefined;
  // A peer may write any length in the long form.
  const [id, ...rest] = framesOf([envelope]);
  return id?.length === ID_BYTES && rest.length === 1 ? id.readUIntBE(0, ID_BYTES) : undefined;
}

function isDelimiter(envelope: Buffer): boolean {
  return envelope.length === DELIMITER.length || framesOf([envelope]).length === 1;
}
