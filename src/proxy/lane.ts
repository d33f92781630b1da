import { Dealer } from 'zeromq';
import { type Attempt, type Caller, newAttempt } from './attempt.ts';
import { Bag } from './bag.ts';
import { context } from './context.ts';
import { sizeOf } from './envelope.ts';
import type { ResetReason } from './events.ts';
import { Inbox } from './inbox.ts';
import type { CurveClient } from './settings.ts';

const DELIMITER = Buffer.alloc(0);

export type LaneState =
  /** No connection yet; libzmq tries, and tries again. */
  | { kind: 'connecting' }
  /** Connected, takes attempts. */
  | { kind: 'ready'; sinceMs: number }
  /** Not trusted any more: takes nothing new, but a reply that is still awaited may come. */
  | { kind: 'retired'; sinceMs: number }
  | { kind: 'closed' };

/** Who opens lanes and wants to know how they fare. */
export interface LaneOwner {
  /** The lane is connected and takes attempts. */
  opened(lane: Lane): void;
  /** An attempt has its place on the lane. */
  joined(attempt: Attempt): void;
  /** An attempt has left the lane, whatever has come of it. */
  left(attempt: Attempt): void;
  /** An attempt was answered, in time or late. */
  answered(attempt: Attempt, nowMs: number): void;
  /** An attempt has waited in vain. */
  overdue(attempt: Attempt, nowMs: number): void;
  /** An attempt was given up while it was awaited: it has taken so long already. */
  abandoned(attempt: Attempt, nowMs: number): void;
  /** An attempt that was sent then got no reply: its connection dropped, or what came was none. */
  unanswered(sentMs: number, nowMs: number): void;
  /** The lane takes no more attempts and wants replacing: now, or when it is `closed` where its connection is lost. */
  retired(lane: Lane, reason: ResetReason): void;
  /**
   * The lane's socket is closed.
   * @param reason what the connection died of; `undefined` where closing it was our own wish
   * @param wasReadyMs how long it had been connected
   */
  closed(lane: Lane, reason: 'lost' | 'protocol' | undefined, wasReadyMs: number): void;
  /** A reply came that nobody waits for any more. */
  discarded(lane: Lane): void;
  /** A try to connect has failed; libzmq goes on trying. */
  refused(lane: Lane): void;
  /** An event of the connection, for people to read. */
  told(event: string): void;
}

export interface LaneSettings {
  address: string;
  correlate: boolean;
  capacity: number;
  messageBytes: number;
  heartbeat: { intervalMs: number; timeoutMs: number };
  curve: CurveClient | undefined;
}

/**
 * One socket connected to one endpoint, and at most one connection in its life: when that drops, the lane is closed, and
 * its owner opens another. It alone creates, reads, writes and closes the socket.
 *
 * Without correlation it speaks exactly as a REQ socket does, `["", body...]`, and carries one attempt at a time. With it,
 * it sends `[attempt id, "", body...]`, which RFC 28 obliges a REP to echo, and carries many.
 */
export class Lane {
  state: LaneState = { kind: 'connecting' };
  readonly #owner: LaneOwner;
  readonly #settings: LaneSettings;
  readonly #socket: Dealer;
  readonly #attempts = new Bag<Attempt>();
  #nextId = 0;
  #lastUsedMs = performance.now();

  /** @throws {Error} EMFILE where no descriptor is left */
  constructor(settings: LaneSettings, owner: LaneOwner) {
    this.#settings = settings;
    this.#owner = owner;
    this.#socket = new Dealer({ ...SOCKET_OPTIONS, ...optionsOf(settings), context });
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

  /** How long it has had nothing to do; 0 while it has. */
  idleMs(nowMs: number): number {
    return this.isFree && this.#attempts.items.length === 0 ? nowMs - this.#lastUsedMs : 0;
  }

  /** Those that have not ended. */
  get attempts(): readonly Attempt[] {
    return this.#attempts.items;
  }

  /** Reserves a place; follow with `send` or `release`. Only on a lane that `isFree`. */
  pick(caller: Caller): Attempt {
    const attempt = newAttempt(this.#nextId++, this, caller);
    this.#attempts.add(attempt);
    this.#owner.joined(attempt);
    return attempt;
  }

  /** Hands the request to the connection; `caller.failed(attempt, 'unsent')` where there is none any more. */
  send(attempt: Attempt, body: readonly Buffer[], nowMs: number): void {
    attempt.phase = 'awaited';
    attempt.sentMs = nowMs;
    this.#lastUsedMs = nowMs;
    // The lane may have been closed between the pick and now.
    if (!this.#attempts.has(attempt)) return attempt.caller.failed(attempt, 'unsent');
    const head = this.#settings.correlate ? [idFrame(attempt.id), DELIMITER] : [DELIMITER];
    this.#socket.send(head.concat(body)).catch(() => {
      if (!this.#attempts.delete(attempt)) return;
      this.#owner.left(attempt);
      attempt.caller.failed(attempt, 'unsent');
      this.close('lost');
    });
  }

  /** The attempt has timed out: the lane is not trusted any more, but the attempt's reply would still be welcome. */
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
    // Without correlation nothing would tell this attempt's reply from the next one's.
    if (isUnanswered && !this.#settings.correlate) {
      this.#retire('abandoned');
      this.#owner.left(attempt);
      this.close();
    } else {
      this.#owner.left(attempt);
      this.#closeIfDone();
    }
  }

  /** Takes nothing more, and closes when the attempts under way have ended. */
  finish(): void {
    if (this.state.kind === 'ready') this.state = { kind: 'retired', sinceMs: this.state.sinceMs };
    if (this.state.kind === 'connecting') this.close();
    else this.#closeIfDone();
  }

  /** @param reason why, where it is a reset and the attempts under way fail by it; none where it is our own wish */
  close(reason?: 'lost' | 'protocol'): void {
    if (this.state.kind === 'closed') return;
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
    this.#owner.closed(this, reason, wasReadyMs);
  }

  #retire(reason: ResetReason): void {
    if (this.state.kind !== 'ready') return;
    this.state = { kind: 'retired', sinceMs: this.state.sinceMs };
    this.#owner.retired(this, reason);
  }

  /** What is late has been told of already. */
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
    const head = this.#settings.correlate ? 2 : 1;
    const id = this.#idOf(frames);
    if (id === undefined || frames.length <= head || frames[head - 1]?.length !== 0)
      return this.close('protocol');
    const attempt = this.#find(id);
    if (attempt === undefined || attempt.phase === 'picked') {
      return this.#settings.correlate && id < this.#nextId
        ? this.#owner.discarded(this)
        : this.close('protocol');
    }
    this.#attempts.delete(attempt);
    if (sizeOf(frames, head) > this.#settings.messageBytes) {
      this.#retire('protocol');
      this.#tellUnanswered([attempt]);
      this.#owner.left(attempt);
      attempt.caller.failed(attempt, 'protocol');
    } else {
      const nowMs = performance.now();
      this.#owner.answered(attempt, nowMs);
      attempt.caller.replied(attempt, frames.slice(head));
      this.#owner.left(attempt);
    }
    this.#closeIfDone();
  }

  #find(id: number): Attempt | undefined {
    for (const attempt of this.#attempts.items) if (attempt.id === id) return attempt;
    return undefined;
  }

  /** Which attempt the frames answer; without correlation it is the only one there is. */
  #idOf(frames: Buffer[]): number | undefined {
    if (!this.#settings.correlate) return this.#attempts.items[0]?.id;
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
        case 'handshake':
          if (this.state.kind !== 'connecting') break;
          this.state = { kind: 'ready', sinceMs: performance.now() };
          this.#owner.opened(this);
          break;
        case 'connect:retry':
          // libzmq begins anew, and we do not: that tells nothing of who is there.
          if (!isOver) this.#owner.refused(this);
          break;
        case 'disconnect':
        case 'handshake:error:protocol':
        case 'handshake:error:auth':
        case 'handshake:error:other':
          isOver = true;
          this.#retire('lost');
          // A reply that came before the connection dropped is in the process already: let it be read first. The next
          // check phase may be that of this very turn of the event loop; only the one after it has polled in between.
          setImmediate(() => setImmediate(() => this.close('lost')));
      }
    }
  }
}

const SOCKET_OPTIONS = {
  linger: 0,
  // Not `immediate`: with it, libzmq throws away replies that it has received but we have not read yet when the
  // connection drops (session_base.cpp, reconnect). Nothing is queued without it: only a ready lane is written to.
  sendTimeout: 0,
  // A SYN that was lost is not worth waiting for, and after it libzmq pauses: the two together stay well below a second,
  // so that a good client is served within that after a route is back.
  connectTimeout: 500,
  handshakeInterval: 3_000,
  reconnectInterval: 50,
  reconnectMaxInterval: 300,
  tcpKeepalive: 1,
} as const;

function optionsOf({ address, capacity, messageBytes, heartbeat, curve }: LaneSettings) {
  return {
    // Whatever may be under way has room, should the other side stand still.
    sendHighWaterMark: Math.max(capacity, 1_000),
    ...(curve && {
      curveServerKey: curve.serverKey,
      curvePublicKey: curve.publicKey,
      curveSecretKey: curve.secretKey,
    }),
    ipv6: address.startsWith('tcp://['),
    // The size is checked here, where it can be told from a dropped connection; libzmq's bound only guards memory.
    maxMessageSize: messageBytes * 2,
    heartbeatInterval: heartbeat.intervalMs,
    heartbeatTimeout: heartbeat.timeoutMs,
  };
}

/** 48 bits: no id comes twice in a lane's life. */
const ID_BYTES = 6;

function idFrame(id: number): Buffer {
  const frame = Buffer.allocUnsafe(ID_BYTES);
  frame.writeUIntBE(id, 0, ID_BYTES);
  return frame;
}

/** A place that was only picked has not been handed to the connection. */
function failureOf(attempt: Attempt, reason: 'lost' | 'protocol' = 'lost'): 'unsent' | 'lost' | 'protocol' {
  return attempt.phase === 'picked' ? 'unsent' : reason;
}
