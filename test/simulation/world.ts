import type { Chance } from './chance.ts';
import type { VirtualTime } from './virtual-time.ts';

/** A socket of the sidecar that connects to a server, as the network sees it. */
export interface Client {
  arrived(frames: Buffer[]): void;
  told(type: 'handshake' | 'connect:retry' | 'disconnect'): void;
}

/** A socket of the sidecar that apps connect to. */
export interface Listener {
  arrived(frames: Buffer[]): void;
}

/** An app, as the network sees it. */
export interface AppSide {
  arrived(frames: Buffer[]): void;
}

/** The times after which libzmq notices that nobody is there, with the settings of lane.ts and of the scenarios. */
const CONNECT_TIMEOUT_MS = 700;
const RECONNECT_MS = 50;
/** As with a heartbeat; without one it takes TCP keepalive some seconds, which is longer than a request lasts here. */
const HEARTBEAT_MS = 400;
/** The time after which TCP first retransmits; it doubles each time (RFC 6298, with Linux's minimum of 200 ms). */
const RETRANSMIT_MS = 200;
const MOST_RETRANSMISSIONS = 3;

/** The network and everything connected to it, except the sidecar. What happens is random, within what TCP allows. */
export class World {
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly servers = new Map<string, Server>();
  readonly apps = new Map<string, AppSide>();
  listener: Listener | undefined;
  /** Open sockets of the sidecar. */
  sockets = 0;
  /** The longest time that a packet takes. */
  latencyMs = 2;
  /** Share of the packets that are lost. On a connection, a lost packet only arrives late, and everything behind it waits. */
  loss = 0;

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

  connect(client: Client, address: string): Connection {
    return new Connection(this, client, address);
  }
}

/**
 * A TCP connection with ZMTP on it, as libzmq keeps it: it retries until it is connected, and ends when it drops. Each direction
 * keeps its order. While the path is cut, messages wait. They arrive when the path is healed, if the connection is still open.
 */
export class Connection {
  state: 'connecting' | 'up' | 'closed' = 'connecting';
  readonly #world: World;
  readonly #client: Client;
  readonly #address: string;
  #server: Server | undefined;
  #toServerMs = 0;
  #toClientMs = 0;
  #isDropped = false;

  constructor(world: World, client: Client, address: string) {
    this.#world = world;
    this.#client = client;
    this.#address = address;
    this.#try();
  }

  /** Closed by the sidecar: messages on their way to the server may still arrive. */
  close(): void {
    const server = this.#server;
    if (this.state === 'up' && server !== undefined) this.#world.time.after(1, () => server.left(this));
    this.state = 'closed';
  }

  /** Closed by the server or by the network. */
  drop(): void {
    if (this.state !== 'up') return;
    this.state = 'closed';
    this.#isDropped = true;
    this.#world.time.after(this.#world.latency(), () => this.#client.told('disconnect'));
  }

  /** The path is cut: heartbeats do not arrive. */
  cut(): void {
    const server = this.#server;
    this.#world.time.after(HEARTBEAT_MS, () => {
      if (server?.isCut) this.drop();
    });
  }

  toServer(frames: Buffer[]): void {
    const server = this.#server;
    if (server === undefined) return;
    const { time } = this.#world;
    this.#toServerMs = Math.max(this.#toServerMs, time.nowMs + this.#world.transit());
    const deliver = () => {
      if (!this.#isDropped) server.arrived(this, frames);
    };
    time.after(this.#toServerMs - time.nowMs, () => server.whenWhole(deliver));
  }

  toClient(frames: Buffer[]): void {
    const { time } = this.#world;
    this.#toClientMs = Math.max(this.#toClientMs, time.nowMs + this.#world.transit());
    const deliver = () => {
      if (this.state === 'up') this.#client.arrived(frames);
    };
    time.after(this.#toClientMs - time.nowMs, () => this.#server?.whenWhole(deliver));
  }

  #try(): void {
    if (this.state !== 'connecting') return;
    const { time, servers } = this.#world;
    const server = servers.get(this.#address);
    if (server?.isCut) return this.#retry(CONNECT_TIMEOUT_MS);
    if (!server?.isListening) return this.#retry(this.#world.latency());
    time.after(2 * this.#world.latency(), () => {
      if (this.state !== 'connecting') return;
      if (!server.isListening || server.isCut) return this.#retry(CONNECT_TIMEOUT_MS);
      this.#server = server;
      this.state = 'up';
      server.joined(this);
      this.#client.told('handshake');
    });
  }

  #retry(ms: number): void {
    this.#world.time.after(ms, () => {
      if (this.state !== 'connecting') return;
      this.#client.told('connect:retry');
      this.#world.time.after(RECONNECT_MS, () => this.#try());
    });
  }
}

/** How a server treats requests. */
export interface Habits {
  /** One after the other, in order of arrival. */
  isSerial: boolean;
  serviceMs: readonly [least: number, most: number];
  /** Shares of the requests that it never answers, answers twice, answers with garbage, or dies of. */
  silent: number;
  twice: number;
  garbage: number;
  dies: number;
}

/** A server that echoes like a REP, unless something goes wrong. */
export class Server {
  isListening = true;
  isCut = false;
  habits: Habits;
  readonly #world: World;
  readonly #executed: (body: string) => void;
  #connections = new Set<Connection>();
  #stalled: (() => void)[] = [];
  #life = 0;
  #freeMs = 0;

  /** @param executed called for each request that the server starts to work on */
  constructor(world: World, habits: Habits, executed: (body: string) => void) {
    this.#world = world;
    this.habits = habits;
    this.#executed = executed;
  }

  joined(connection: Connection): void {
    this.#connections.add(connection);
  }

  left(connection: Connection): void {
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

  arrived(connection: Connection, frames: Buffer[]): void {
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
      this.#executed(bodyOf(frames));
      if (chance.is(this.habits.dies)) return this.#die();
      time.after(endMs - beginMs, () => isAlive() && this.#answer(connection, frames));
    };
    if (beginMs > time.nowMs) time.after(beginMs - time.nowMs, work);
    else work();
  }

  #answer(connection: Connection, frames: Buffer[]): void {
    const { chance } = this.#world;
    const { silent, twice, garbage } = this.habits;
    if (chance.is(silent)) return;
    if (chance.is(garbage)) return connection.toClient(chance.one(GARBAGE)(frames));
    connection.toClient(frames);
    if (chance.is(twice)) connection.toClient(frames);
  }

  #die(): void {
    this.crash();
    this.#world.time.after(this.#world.chance.between(1, 500), () => this.restart());
  }
}

const GARBAGE: readonly ((frames: Buffer[]) => Buffer[])[] = [
  () => [Buffer.from('what is this')],
  () => [Buffer.alloc(0)],
  (frames) => frames.slice(0, -1),
  (frames) => [...frames.slice(0, -1), Buffer.alloc(100_000)],
  (frames) => [Buffer.from('another id'), ...frames.slice(1)],
];

function bodyOf(frames: readonly Buffer[]): string {
  return String(frames.at(-1));
}
