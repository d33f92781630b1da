import { type ConnectionEnd, ended } from '../../src/transport/connection-end.ts';
import type { Body } from '../../src/transport/message.ts';
import type { Connection, ConnectionOwner, Target } from '../../src/transport/transport.ts';
import type { Server, World } from './world.ts';

/** A message on its way. */
export interface Message {
  readonly envelope: Buffer;
  readonly body: Body;
}

/** What a server sends. `malformed`: without a delimiter or a body. `broken`: not even a frame. */
export type Sent = Message | 'malformed' | 'broken';

/** `dropped`: the server or the network has ended it, but the sidecar does not know that yet. */
type State = 'connecting' | 'handshake' | 'ready' | 'dropped' | 'closed';

/** Without heartbeats, a cut path is noticed by TCP keepalive: later than any request ends here. */
const KEEP_ALIVE_MS = 10_000;
const BLOCKED_MOST_MS = 300;
/** How likely each message is to be the last that the kernel takes, if the server receives nothing. */
const BLOCKED_BY_CUT = 0.5;

/**
 * One attempt of the sidecar to connect to a server, and the connection if it succeeds. Each direction keeps its order. While the
 * path is cut, messages wait. They arrive when the path is healed, if the connection is still open.
 */
export class VirtualConnection implements Connection {
  handedOver = 0;
  readonly #world: World;
  readonly #target: Target;
  readonly #owner: ConnectionOwner;
  #server: Server | undefined;
  #state: State = 'connecting';
  #count = 0;
  /** Messages that wait for the kernel, by their numbers. */
  readonly #waiting = new Map<number, Message>();
  #isBlocked = false;
  #isDropped = false;
  #toServerMs = 0;
  #toSidecarMs = 0;

  constructor(world: World, target: Target, owner: ConnectionOwner) {
    this.#world = world;
    this.#target = target;
    this.#owner = owner;
    world.sockets++;
    this.#connect();
  }

  send(envelope: Buffer, body: Body): number {
    if (this.#state !== 'ready' && this.#state !== 'dropped') this.#world.broken(`send while ${this.#state}`);
    this.#waiting.set(++this.#count, { envelope, body });
    // Several messages of one turn may be written together at its end.
    if (this.#world.chance.is(this.#world.gathering)) setImmediate(() => this.#write());
    else this.#write();
    return this.#count;
  }

  withdraw(message: number): boolean {
    if (this.#isBlocked && this.#waiting.delete(message)) return true;
    return message > this.handedOver && this.#state === 'closed';
  }

  /** Messages that the kernel has may still arrive. */
  close(): void {
    const server = this.#server;
    if (server !== undefined) this.#world.time.after(1, () => server.left(this));
    this.#close();
  }

  /** Ended by the server or by the network. */
  drop(): void {
    if (this.#state !== 'handshake' && this.#state !== 'ready') return;
    const kind = this.#state === 'ready' ? 'reset' : 'hung_up';
    this.#state = 'dropped';
    this.#isDropped = true;
    this.#world.time.after(this.#world.latency(), () => this.#end(ended(kind, 'connection reset')));
  }

  /** The path is cut: heartbeats do not arrive. */
  cut(): void {
    const { heartbeat } = this.#target;
    const server = this.#server;
    const ms = heartbeat === undefined ? KEEP_ALIVE_MS : heartbeat.intervalMs + heartbeat.timeoutMs;
    this.#world.time.after(ms, () => {
      if (server?.isCut) this.drop();
    });
  }

  /** The server sends. */
  toSidecar(sent: Sent): void {
    const { time } = this.#world;
    this.#toSidecarMs = Math.max(this.#toSidecarMs, time.nowMs + this.#world.transit());
    const deliver = () => {
      if (this.#state === 'ready') this.#receive(sent);
    };
    time.after(this.#toSidecarMs - time.nowMs, () => this.#server?.whenWhole(deliver));
  }

  #connect(): void {
    const { time, servers } = this.#world;
    const server = servers.get(this.#target.address);
    if (server === undefined || server.isCut) return this.#unreachable();
    if (server.isListening) return time.after(2 * this.#world.latency(), () => this.#connected(server));
    const refused = ended('nobody_listens', 'connection refused');
    time.after(this.#world.latency(), () => this.#end(refused));
  }

  #receive(sent: Sent): void {
    if (sent === 'malformed') return this.#owner.malformed();
    if (sent === 'broken') {
      this.#server?.left(this);
      return this.#end(ended('broken_protocol', 'it sent what is not ZMTP'));
    }
    const { envelope, body } = sent;
    if (body.bytes > this.#target.messageBytes) this.#owner.tooLarge(envelope, body.bytes);
    else this.#owner.message(envelope, body);
  }

  #unreachable(): void {
    const late = ended('no_answer', 'connect timed out');
    this.#world.time.after(this.#target.connectTimeoutMs, () => this.#end(late));
  }

  #connected(server: Server): void {
    if (this.#state !== 'connecting') return;
    if (!server.isListening || server.isCut) return this.#unreachable();
    this.#server = server;
    this.#state = 'handshake';
    server.joined(this);
    this.#owner.accepted();
    const { time, chance } = this.#world;
    const tooLong = () => {
      if (this.#state !== 'handshake') return;
      server.left(this);
      this.#end(ended('slow_handshake', 'the handshake took too long'));
    };
    time.after(this.#target.handshakeTimeoutMs, tooLong);
    if (chance.is(server.habits.hangs)) return;
    time.after(2 * this.#world.latency(), () => server.whenWhole(() => this.#ready(server)));
  }

  #ready({ kind: { socketType } }: Server): void {
    if (this.#state !== 'handshake') return;
    this.#state = 'ready';
    this.#owner.ready({ socketType, version: '3.1' });
  }

  /** Gives the kernel what it takes. */
  #write(): void {
    for (const [number, message] of this.#waiting) {
      if (this.#isBlocked || this.#state === 'closed') return;
      this.#waiting.delete(number);
      this.handedOver = number;
      this.#toServer(message);
      const blocking = this.#server?.isCut ? BLOCKED_BY_CUT : this.#world.blocking;
      if (this.#world.chance.is(blocking)) this.#block();
    }
  }

  #block(): void {
    const { time, chance } = this.#world;
    this.#isBlocked = true;
    const unblock = () => {
      this.#isBlocked = false;
      this.#write();
    };
    time.after(chance.between(0, BLOCKED_MOST_MS), () => this.#server?.whenWhole(unblock));
  }

  #toServer(message: Message): void {
    const server = this.#server;
    // The kernel takes what can no longer arrive.
    if (server === undefined || this.#state !== 'ready') return;
    const { time } = this.#world;
    this.#toServerMs = Math.max(this.#toServerMs, time.nowMs + this.#world.transit());
    const deliver = () => {
      if (!this.#isDropped) server.arrived(this, message);
    };
    time.after(this.#toServerMs - time.nowMs, () => server.whenWhole(deliver));
  }

  #end(end: ConnectionEnd): void {
    if (this.#state === 'closed') return;
    this.#close();
    this.#owner.closed(end);
  }

  #close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#world.sockets--;
  }
}
