import { StaticDiscovery } from '../../src/discovery/static.ts';
import { Events } from '../../src/proxy/events.ts';
import { Route } from '../../src/proxy/route.ts';
import { ended } from '../../src/transport/connection-end.ts';
import { type Body, bodyOf, DELIMITER } from '../../src/transport/message.ts';
import type {
  Client,
  ClientOwner,
  Connection,
  ConnectionOwner,
  Listener,
  ListenerOwner,
  ListenOptions,
  ListenSettings,
  Target,
  Transport,
} from '../../src/transport/transport.ts';
import type { VirtualTime } from '../simulation/virtual-time.ts';
import { type RouteOptions, settingsOf } from '../support/route.ts';

const BODY = bodyOf([Buffer.from('x')]);
const ENOUGH = 1_000_000;
const HOUR_MS = 3_600_000;

/** Servers and apps that cost next to nothing: what they do takes no virtual time, and only calls the route. */
class Network implements Transport {
  readonly open = new Set<InMemoryConnection>();
  listener: ListenerOwner | undefined;
  /** Whether servers accept connections, and whether they answer. */
  isUp = true;
  isAnswering = true;

  connect(_target: Target, owner: ConnectionOwner): Connection {
    const connection = new InMemoryConnection(this, owner);
    this.open.add(connection);
    if (this.isUp) setImmediate(() => connection.ready());
    return connection;
  }

  async listen(
    { address }: ListenSettings,
    _options: ListenOptions,
    owner: ListenerOwner,
  ): Promise<Listener> {
    this.listener = owner;
    const done = async () => undefined;
    return {
      ...{ address, messageBytesMost: ENOUGH, isDone: false },
      ...{ change: () => undefined, release: done, close: done },
    };
  }

  comeUp(): void {
    this.isUp = true;
    for (const connection of this.open) connection.ready();
  }

  /** All servers answer what they have. */
  answer(): void {
    for (const connection of [...this.open]) connection.answer();
  }

  /** All connections drop. */
  drop(): void {
    for (const connection of [...this.open]) connection.drop();
  }
}

class InMemoryConnection implements Connection {
  handedOver = 0;
  readonly #network: Network;
  readonly #owner: ConnectionOwner;
  /** Requests that are not answered yet. */
  #asked: { envelope: Buffer; body: Body }[] = [];

  constructor(network: Network, owner: ConnectionOwner) {
    this.#network = network;
    this.#owner = owner;
  }

  ready(): void {
    if (!this.#network.open.has(this)) return;
    this.#owner.accepted();
    this.#owner.ready({ socketType: 'REP', version: '3.1' });
  }

  send(envelope: Buffer, body: Body): number {
    if (this.#asked.push({ envelope, body }) === 1 && this.#network.isAnswering)
      setImmediate(() => this.answer());
    return ++this.handedOver;
  }

  /** Answers everything, last come first served. */
  answer(): void {
    const asked = this.#asked;
    this.#asked = [];
    for (const { envelope, body } of asked.reverse()) this.#owner.message(envelope, body);
  }

  withdraw(): boolean {
    return false;
  }

  close(): void {
    this.#network.open.delete(this);
  }

  drop(): void {
    if (this.#network.open.delete(this)) this.#owner.closed(ended('reset', 'connection reset'));
  }
}

/** One app, which keeps to what the route says about reading. */
export class App implements Client {
  readonly address = undefined;
  readonly #owner: ClientOwner;
  #left = 0;
  #isPaused = false;

  constructor(listener: ListenerOwner) {
    this.#owner = listener.joined(this);
  }

  ask(count = 1): void {
    this.#left += count;
    this.#send();
  }

  leave(): void {
    this.#owner.left();
  }

  reply(): 'taken' {
    return 'taken';
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    setImmediate(() => this.#send());
  }

  #send(): void {
    for (; this.#left > 0 && !this.#isPaused; this.#left--) this.#owner.request(DELIMITER, BODY);
  }
}

export interface Options extends Omit<RouteOptions, 'endpoints'> {
  endpoints?: number;
  /** Whether the servers accept connections from the beginning. */
  isUp?: boolean;
}

/** A real route on virtual time, between apps and servers that are in this process. Nothing but the given limits is in its way. */
export class InMemory {
  readonly network = new Network();
  readonly route: Route;
  /** Shared by all. */
  static time: VirtualTime;
  settled = 0;

  private constructor(endpoints: number, { limits, retry, ...others }: RouteOptions) {
    const addresses = Array.from(
      { length: endpoints },
      (_, index) => `tcp://10.0.${index >> 8}.${index & 255}:1`,
    );
    const many = { inFlight: ENOUGH, queue: ENOUGH, queueBytes: 2 ** 40, inFlightBytes: 2 ** 40 };
    const settings = settingsOf({
      correlate: true,
      subset: 'all',
      budget: { ratio: ENOUGH, minPerSecond: ENOUGH },
      ejection: { failures: ENOUGH, baseMs: 1_000, maxMs: 60_000, maxFraction: 0 },
      ...others,
      retry: { timeoutMs: HOUR_MS, deadlineMs: HOUR_MS, waitMs: HOUR_MS, ...retry },
      limits: { ...many, adaptive: false, ...limits },
    });
    const events = new Events((error) => {
      throw error;
    });
    events.on('settled', () => {
      this.settled++;
    });
    this.route = new Route(settings, this.network, () => new StaticDiscovery(addresses), events);
  }

  static async start({ endpoints = 1, isUp = true, ...options }: Options): Promise<InMemory> {
    const inMemory = new InMemory(endpoints, options);
    inMemory.network.isUp = isUp;
    await inMemory.route.listen();
    void inMemory.route.run();
    await inMemory.run();
    return inMemory;
  }

  get time(): VirtualTime {
    return InMemory.time;
  }

  app(): App {
    const { listener } = this.network;
    if (listener === undefined) throw new Error('the route does not listen');
    return new App(listener);
  }

  apps(count: number): App[] {
    return Array.from({ length: count }, () => this.app());
  }

  /** Everything happens that is due within this time, and all that follows from it at once. */
  async run(ms = 0): Promise<void> {
    await this.time.run(this.time.nowMs + ms);
  }

  /** @throws if requests are left without an outcome */
  async close(settled: number): Promise<void> {
    if (this.settled !== settled) throw new Error(`${this.settled} requests of ${settled} are settled`);
    await this.route.close();
  }
}
