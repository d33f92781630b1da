import type { Dealer, Event } from 'zeromq';
import { type Attempt, type Caller, newAttempt } from './attempt.ts';
import { Bag } from './bag.ts';
import { type DealerSettings, openDealer } from './dealer.ts';
import { sizeOf } from './envelope.ts';
import type { ResetReason } from './events.ts';
import { Inbox } from './inbox.ts';
import type { LaneOwner } from './lane-owner.ts';
import { ENDED, NO_REPLY, SILENCE, troubleOf, UNREACHABLE, WAITING } from './trouble.ts';

const DELIMITER = Buffer.alloc(0);

export type LaneState =
  /** No connection yet; libzmq keeps trying. */
  | { kind: 'connecting' }
  /** The peer has accepted the connection, but the ZMTP handshake is not complete. */
  | { kind: 'handshaking'; timer: NodeJS.Timeout }
  /** Connected and takes attempts. */
  | { kind: 'ready'; sinceMs: number }
  /** No longer trusted: takes no more attempts, but replies that are still awaited may arrive. */
  | { kind: 'retired'; sinceMs: number }
  | { kind: 'closed' };

/** A handshake that takes longer than this is reported. */
const NOTABLE_MS = 3_000;
/** libzmq reports a handshake that takes too long, except for a peer that it takes for an old one: then it reports nothing. */
const SILENCE_MS = 1_000;

/**
 * One socket to one endpoint, with at most one connection in its life. When the connection drops, the lane is closed and its owner
 * opens another one. Only the lane creates, reads, writes and closes the socket.
 *
 * Without correlation it speaks exactly as a REQ socket does, `["", body...]`, and carries one attempt at a time. With
 * correlation it sends `[attempt id, "", body...]`, which a REP must echo (RFC 28), and carries many.
 */
export class Lane {
  state: LaneState = { kind: 'connecting' };
  /** Most bytes of a reply. */
  messageBytes: number;
  readonly #owner: LaneOwner;
  readonly #settings: DealerSettings;
  readonly #socket: Dealer;
  readonly #attempts = new Bag<Attempt>();
  #nextId = 0;
  #acceptedMs = 0;
  #lastUsedMs = performance.now();

  /** @throws {Error} EMFILE if no descriptor is left */
  constructor(settings: DealerSettings, owner: LaneOwner) {
    this.#settings = settings;
    this.messageBytes = settings.messageBytes;
    this.#owner = owner;
    this.#socket = openDealer(settings);
    this.#watch().catch(() => this.close('lost'));
    try {
      this.#socket.connect(settings.address);
    } catch (error) {
      this.state = { kind: 'closed' };
      this.#socket.close();
      throw error;
    }
    this.#read().catch(() => this.close('lost'));
  }

  get address(): string {
    return this.#settings.address;
  }

  get isFree(): boolean {
    return this.state.kind === 'ready' && this.#attempts.items.length < this.#settings.capacity;
  }

  /** How long it has been idle; 0 while it is not. */
  idleMs(nowMs: number): number {
    return this.isFree && this.#attempts.items.length === 0 ? nowMs - this.#lastUsedMs : 0;
  }

  /** The attempts that have not ended. */
  get attempts(): readonly Attempt[] {
    return this.#attempts.items;
  }

  /** Reserves a place; `send` or `release` must follow. Call this only if the lane `isFree`. */
  pick(caller: Caller): Attempt {
    const attempt = newAttempt(this.#nextId++, this, caller);
    this.#attempts.add(attempt);
    this.#owner.joined(attempt);
    return attempt;
  }

  /** Hands the request to the connection. Without a connection it calls `caller.failed(attempt, 'unsent')`. */
  send(attempt: Attempt, body: readonly Buffer[], nowMs: number): void {
    attempt.phase = 'awaited';
    attempt.sentMs = nowMs;
    this.#lastUsedMs = nowMs;
    // The lane may have been closed between the pick and now.
    if (!this.#attempts.has(attempt)) return attempt.caller.failed(attempt, 'unsent');
    const head = this.#settings.connection.correlate ? [idFrame(attempt.id), DELIMITER] : [DELIMITER];
    this.#socket.send(head.concat(body)).catch(() => {
      if (!this.#attempts.delete(attempt)) return;
      this.#owner.left(attempt);
      attempt.caller.failed(attempt, 'unsent');
      this.close('lost');
    });
  }

  /** The attempt has timed out: the lane is no longer trusted, but a reply would still be accepted. */
  timeOut(attempt: Attempt, nowMs: number): void {
    attempt.phase = 'late';
    this.#owner.overdue(attempt, nowMs);
    this.#retire('timeout');
  }

  /** Nobody waits for this attempt any more. */
  release(attempt: Attempt): void {
    if (!this.#attempts.delete(attempt)) return;
    const isUnanswered = attempt.phase !== 'picked';
    if (attempt.phase === 'awaited') this.#owner.abandoned(attempt, performance.now());
    // Without correlation, this attempt's reply could not be told from the next one's.
    if (isUnanswered && !this.#settings.connection.correlate) {
      this.#retire('abandoned');
      this.#owner.left(attempt);
      this.close();
    } else {
      this.#owner.left(attempt);
      this.#closeIfDone();
    }
  }

  /** Takes no more attempts, and closes when those in flight have ended. */
  finish(): void {
    if (this.state.kind === 'ready') this.state = { kind: 'retired', sinceMs: this.state.sinceMs };
    if (this.state.kind === 'connecting' || this.state.kind === 'handshaking') this.close();
    else this.#closeIfDone();
  }

  /**
   * @param reason the reason for a reset, by which the attempts in flight fail; none if we close it on purpose
   * @param why the same for users
   */
  close(reason?: 'lost' | 'protocol', why = reason === 'protocol' ? NO_REPLY : ENDED): void {
    if (this.state.kind === 'closed') return;
    if (this.state.kind === 'handshaking') clearTimeout(this.state.timer);
    const wasReadyMs = 'sinceMs' in this.state ? performance.now() - this.state.sinceMs : 0;
    const wasReady = this.state.kind === 'ready';
    this.state = { kind: 'closed' };
    if (reason !== undefined && wasReady) this.#owner.retired(this, reason);
    this.#socket.close();
    const attempts = [...this.#attempts.items];
    this.#attempts.clear();
    for (const attempt of attempts) this.#owner.left(attempt);
    if (reason !== undefined) this.#tellUnanswered(attempts);
    for (const attempt of attempts) attempt.caller.failed(attempt, failureOf(attempt, reason));
    this.#owner.closed(this, reason && why, wasReadyMs);
  }

  #retire(reason: ResetReason): void {
    if (this.state.kind !== 'ready') return;
    this.state = { kind: 'retired', sinceMs: this.state.sinceMs };
    this.#owner.retired(this, reason);
  }

  /** Late attempts have been reported already. */
  #tellUnanswered(attempts: readonly Attempt[]): void {
    const nowMs = performance.now();
    for (const { phase, sentMs } of attempts) if (phase === 'awaited') this.#owner.unanswered(sentMs, nowMs);
  }

  #closeIfDone(): void {
    if (this.state.kind === 'retired' && this.#attempts.items.length === 0) this.close();
  }

  async #read(): Promise<void> {
    const inbox = new Inbox(this.#socket);
    for (;;) {
      for (const frames of await inbox.receive(this.#settings.capacity)) this.#take(frames);
      if (this.state.kind === 'closed') return;
    }
  }

  #take(frames: Buffer[]): void {
    if (this.state.kind === 'closed') return;
    const head = this.#settings.connection.correlate ? 2 : 1;
    const id = this.#idOf(frames);
    if (id === undefined || frames.length <= head || frames[head - 1]?.length !== 0)
      return this.close('protocol');
    const attempt = this.#find(id);
    if (attempt === undefined || attempt.phase === 'picked') {
      return this.#settings.connection.correlate && id < this.#nextId
        ? this.#owner.discarded(this)
        : this.close('protocol');
    }
    this.#attempts.delete(attempt);
    const bytes = sizeOf(frames, head);
    this.#owner.answered(attempt, performance.now());
    // The connection is still good, so other attempts on it go on.
    if (bytes > this.messageBytes) attempt.caller.tooLarge(attempt, bytes);
    else attempt.caller.replied(attempt, frames.slice(head));
    this.#owner.left(attempt);
    this.#closeIfDone();
  }

  #find(id: number): Attempt | undefined {
    for (const attempt of this.#attempts.items) if (attempt.id === id) return attempt;
    return undefined;
  }

  /** The id of the attempt that the frames answer. Without correlation there is only one attempt. */
  #idOf(frames: Buffer[]): number | undefined {
    if (!this.#settings.connection.correlate) return this.#attempts.items[0]?.id;
    return frames[0]?.length === ID_BYTES ? frames[0].readUIntBE(0, ID_BYTES) : undefined;
  }

  async #watch(): Promise<void> {
    const { events } = this.#socket;
    let isOver = false;
    for (;;) {
      const event = await events.receive();
      if (event.type === 'end') return;
      this.#owner.told('error' in event && event.error ? `${event.type} ${event.error.message}` : event.type);
      switch (event.type) {
        case 'connect':
          this.#handshake();
          break;
        case 'handshake':
          this.#ready();
          break;
        case 'connect:retry':
          // libzmq retries although this lane is over: that says nothing about the peer.
          if (!isOver) this.#owner.tried(UNREACHABLE);
          break;
        case 'disconnect':
        case 'handshake:error:protocol':
        case 'handshake:error:auth':
        case 'handshake:error:other':
          if (!isOver) this.#end(event);
          isOver = true;
      }
    }
  }

  #handshake(): void {
    if (this.state.kind !== 'connecting') return;
    this.#acceptedMs = performance.now();
    const { handshakeTimeoutMs } = this.#settings.connection;
    const notableMs = Math.min(NOTABLE_MS, handshakeTimeoutMs);
    this.#wait(notableMs, () => {
      this.#owner.tried(WAITING);
      this.#wait(handshakeTimeoutMs + SILENCE_MS - notableMs, () => this.#end(SILENCE));
    });
    this.#owner.accepted();
  }

  #wait(ms: number, then: () => void): void {
    if (this.state.kind !== 'closed') this.state = { kind: 'handshaking', timer: setTimeout(then, ms) };
  }

  #ready(): void {
    if (this.state.kind === 'handshaking') clearTimeout(this.state.timer);
    else if (this.state.kind !== 'connecting') return;
    this.state = { kind: 'ready', sinceMs: performance.now() };
    this.#owner.opened(this);
  }

  /** The connection dropped, or the handshake failed. */
  #end(event: Event | typeof SILENCE): void {
    const { curve, handshakeTimeoutMs } = this.#settings.connection;
    const wasReady = 'sinceMs' in this.state;
    const why = wasReady
      ? ENDED
      : troubleOf(event, {
          hasCurve: curve !== undefined,
          timeoutMs: handshakeTimeoutMs,
          tookMs: performance.now() - this.#acceptedMs,
        });
    this.#retire('lost');
    // A reply that arrived before the connection dropped is already in the process: let it be read first. The next check phase
    // may be that of this same turn of the event loop; only before the one after it has input been polled.
    setImmediate(() => setImmediate(() => this.close('lost', why)));
  }
}

/** 48 bits: ids never repeat in a lane's life. */
const ID_BYTES = 6;

function idFrame(id: number): Buffer {
  const frame = Buffer.allocUnsafe(ID_BYTES);
  frame.writeUIntBE(id, 0, ID_BYTES);
  return frame;
}

/** An attempt that was only picked was never handed to the connection. */
function failureOf(attempt: Attempt, reason: 'lost' | 'protocol' = 'lost'): 'unsent' | 'lost' | 'protocol' {
  return attempt.phase === 'picked' ? 'unsent' : reason;
}
