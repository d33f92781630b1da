import { type Body, bodyOf, DELIMITER, envelopeOf, framesOf } from '../../src/transport/message.ts';
import type { Chance } from './chance.ts';
import type { Message, Sent, VirtualConnection } from './virtual-connection.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { VirtualClient, VirtualListener } from './virtual-transport.ts';

/** An app, as the network sees it. */
export interface AppSide {
  /** Whether it reads its replies. */
  readonly isReading: boolean;
  arrived(frames: Buffer[]): void;
  /** The sidecar has ended its connection. */
  dropped(): void;
}

/** Hears what the simulation checks at the moment when it happens. */
export interface Observer {
  /** A request of this client has been passed on. */
  received(client: VirtualClient): void;
  /** The client leaves; `tell` tells the sidecar. */
  leaving(client: VirtualClient, tell: () => void): void;
  /** The sidecar has used the transport in a way that it must not, or the transport is wrong. */
  broken(why: string): void;
}

/** The time after which TCP first retransmits; it doubles each time (RFC 6298, with Linux's minimum of 200 ms). */
const RETRANSMIT_MS = 200;
const MOST_RETRANSMISSIONS = 3;

/** The network and everything connected to it, except the sidecar. What happens is random, within what TCP allows. */
export class World {
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly servers = new Map<string, Server>();
  listener: VirtualListener | undefined;
  observer: Observer | undefined;
  /** Open sockets of the sidecar: listeners, clients and connections to servers, also while it connects. */
  sockets = 0;
  /** Messages of apps that were no requests, and were passed on. */
  malformed = 0;
  /** The longest time that a packet takes. */
  latencyMs = 2;
  /** Share of the packets that are lost. On a connection, a lost packet only arrives late, and everything behind it waits. */
  loss = 0;
  /** Share of the messages after which the kernel takes no more for a while. */
  blocking = 0;
  /** Share of the messages that are handed to the kernel only at the end of their turn of the event loop. */
  gathering = 0;
  /** Most messages that are kept of a client that is paused; further ones overflow. */
  aheadMost = Number.POSITIVE_INFINITY;

  constructor(time: VirtualTime, chance: Chance) {
    this.time = time;
    this.chance = chance;
  }

  latency(): number {
    return this.chance.between(0.05, this.latencyMs);
  }

  /** How long a message takes to arrive, including retransmissions. */
  transit(): number {
    let ms = this.latency();
    for (let sent = 0; sent < MOST_RETRANSMISSIONS && this.chance.is(this.loss); sent++)
      ms += RETRANSMIT_MS * 2 ** sent;
    return ms;
  }

  received(client: VirtualClient): void {
    this.observer?.received(client);
  }

  leaving(client: VirtualClient, tell: () => void): void {
    if (this.observer === undefined) tell();
    else this.observer.leaving(client, tell);
  }

  broken(why: string): void {
    this.observer?.broken(why);
  }
}

/** What kind of a server it is. */
export interface Kind {
  /** The type that its socket has in the handshake; empty if it does not say. */
  socketType: 'REP' | 'ROUTER' | '';
  /** Whether its replies have the envelope of their requests, as those of a REP must. If not, they have only a delimiter. */
  isEchoing: boolean;
  /** Whether it never sends garbage, so that nobody takes it for a server that does not echo. */
  isTidy: boolean;
}

/** How a server treats requests. */
export interface Habits {
  /** One after the other, in order of arrival. */
  isSerial: boolean;
  serviceMs: readonly [least: number, most: number];
  /** Shares of the requests that it never answers, answers twice, answers with garbage or too much, or dies of. */
  silent: number;
  twice: number;
  garbage: number;
  oversize: number;
  dies: number;
  /** Share of the handshakes that it never completes. */
  hangs: number;
}

/** A server that answers with what it was asked, unless something goes wrong. */
export class Server {
  isListening = true;
  isCut = false;
  habits: Habits;
  readonly kind: Kind;
  readonly #world: World;
  readonly #executed: (body: string) => void;
  #connections = new Set<VirtualConnection>();
  #stalled: (() => void)[] = [];
  #life = 0;
  #freeMs = 0;

  /** @param executed called for each request that the server starts to work on */
  constructor(world: World, kind: Kind, habits: Habits, executed: (body: string) => void) {
    this.#world = world;
    this.kind = kind;
    this.habits = habits;
    this.#executed = executed;
  }

  joined(connection: VirtualConnection): void {
    this.#connections.add(connection);
  }

  left(connection: VirtualConnection): void {
    this.#connections.delete(connection);
  }

  /** It loses everything: connections, and requests that it had not answered. */
  crash(): void {
    this.isListening = false;
    this.#life++;
    this.#freeMs = 0;
    this.reset();
  }

  restart(): void {
    this.isListening = true;
  }

  /** All connections drop, but the server stays up. */
  reset(): void {
    for (const connection of this.#connections) connection.drop();
    this.#connections.clear();
  }

  cut(): void {
    this.isCut = true;
    for (const connection of this.#connections) connection.cut();
  }

  heal(): void {
    this.isCut = false;
    for (const run of this.#stalled.splice(0)) run();
  }

  whenWhole(run: () => void): void {
    if (this.isCut) this.#stalled.push(run);
    else run();
  }

  arrived(connection: VirtualConnection, message: Message): void {
    const life = this.#life;
    const { chance, time } = this.#world;
    if (!this.isListening) return;
    const { isSerial, serviceMs } = this.habits;
    const beginMs = isSerial ? Math.max(time.nowMs, this.#freeMs) : time.nowMs;
    const endMs = beginMs + chance.between(...serviceMs);
    this.#freeMs = endMs;
    const isAlive = () => life === this.#life;
    const work = () => {
      if (!isAlive()) return;
      this.#executed(textOf(message));
      if (chance.is(this.habits.dies)) return this.#die();
      time.after(endMs - beginMs, () => isAlive() && this.#answer(connection, message));
    };
    if (beginMs > time.nowMs) time.after(beginMs - time.nowMs, work);
    else work();
  }

  #answer(connection: VirtualConnection, message: Message): void {
    const { chance } = this.#world;
    const { silent, twice, garbage, oversize } = this.habits;
    if (chance.is(silent)) return;
    if (chance.is(garbage)) return connection.toSidecar(chance.one(GARBAGE)(message));
    const envelope = this.kind.isEchoing ? message.envelope : DELIMITER;
    if (chance.is(oversize)) return connection.toSidecar({ envelope, body: OVERSIZE });
    const reply = { envelope, body: message.body };
    connection.toSidecar(reply);
    if (chance.is(twice)) connection.toSidecar(reply);
  }

  #die(): void {
    this.crash();
    this.#world.time.after(this.#world.chance.between(1, 500), () => this.restart());
  }
}

const OVERSIZE = bodyOf([Buffer.alloc(100_000)]);

const GARBAGE: readonly ((message: Message) => Sent)[] = [
  () => 'malformed',
  () => 'broken',
  ({ body }) => ({ envelope: envelopeOf([Buffer.from('another id')]), body }),
  ({ envelope, body }) => ({
    envelope: envelopeOf([Buffer.from('x'), ...framesOf([envelope]).slice(0, -1)]),
    body,
  }),
  ({ body }) => ({ envelope: envelopeOf([Buffer.alloc(6, 0xff)]), body }),
];

function textOf({ body }: { body: Body }): string {
  return String(framesOf(body.chunks).at(-1));
}
