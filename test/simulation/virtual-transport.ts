import { framesOf } from '../../src/transport/message.ts';
import type {
  Client,
  ClientOwner,
  Connection,
  ConnectionOwner,
  Listener,
  ListenerOwner,
  ListenOptions,
  ListenSettings,
  ReplyFate,
  Target,
  Transport,
} from '../../src/transport/transport.ts';
import { type Message, VirtualConnection } from './virtual-connection.ts';
import type { AppSide, World } from './world.ts';

/** How long a message takes between an app and the sidecar, which share a machine. */
const LOCAL_MS = 0.05;

/** The network of a world, as the sidecar uses it. */
export class VirtualTransport implements Transport {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  connect(target: Target, owner: ConnectionOwner): Connection {
    return new VirtualConnection(this.#world, target, owner);
  }

  async listen(
    { address }: ListenSettings,
    options: ListenOptions,
    owner: ListenerOwner,
  ): Promise<VirtualListener> {
    const listener = new VirtualListener(this.#world, address, options, owner);
    this.#world.listener = listener;
    return listener;
  }
}

export class VirtualListener implements Listener {
  readonly address: string;
  readonly messageBytesMost = Number.POSITIVE_INFINITY;
  readonly owner: ListenerOwner;
  options: ListenOptions;
  readonly #world: World;
  readonly #clients = new Set<VirtualClient>();
  readonly #empty = Promise.withResolvers<void>();

  constructor(world: World, address: string, options: ListenOptions, owner: ListenerOwner) {
    this.#world = world;
    this.address = address;
    this.options = options;
    this.owner = owner;
    world.sockets++;
  }

  /** An app connects. */
  join(app: AppSide): VirtualClient {
    const client = new VirtualClient(this.#world, this, app);
    this.#clients.add(client);
    return client;
  }

  change(options: ListenOptions): void {
    this.options = options;
  }

  async release(): Promise<void> {
    if (this.#world.listener !== this) return;
    this.#world.listener = undefined;
    this.#world.sockets--;
  }

  get isDone(): boolean {
    return this.#world.listener !== this && this.#clients.size === 0;
  }

  async close(lingerMs: number): Promise<void> {
    await this.release();
    setTimeout(() => {
      for (const client of this.#clients) client.cut();
    }, lingerMs);
    for (const client of this.#clients) client.leave();
    if (this.#clients.size > 0) await this.#empty.promise;
  }

  /** Called by a client when it has ended. */
  ended(client: VirtualClient): void {
    this.#clients.delete(client);
    if (this.#clients.size === 0) this.#empty.resolve();
  }
}

/** What reaches the sidecar from an app. */
type Arrived = Message | 'malformed' | 'end';

/** One connection of an app. */
export class VirtualClient implements Client {
  readonly address = undefined;
  /** Requests that the sidecar has been told of, and not answered. */
  unanswered = 0;
  readonly owner: ClientOwner;
  readonly #world: World;
  readonly #listener: VirtualListener;
  readonly #app: AppSide;
  #state: 'open' | 'leaving' | 'gone' = 'open';
  #isPaused = false;
  /** What has come while it was paused, or behind that. */
  readonly #ahead: { arrived: Message | 'malformed'; isOver: boolean }[] = [];
  /** Replies that the app has not read. */
  readonly #unread: Message[] = [];
  #unreadBytes = 0;

  constructor(world: World, listener: VirtualListener, app: AppSide) {
    this.#world = world;
    this.#listener = listener;
    this.#app = app;
    world.sockets++;
    this.owner = listener.owner.joined(this);
  }

  /** The app sends, or closes its connection. */
  send(arrived: Arrived): void {
    this.#world.time.after(LOCAL_MS, () => this.#arrive(arrived));
  }

  /** The app reads the replies that wait for it. */
  read(): void {
    this.#unreadBytes = 0;
    for (const reply of this.#unread.splice(0)) this.#deliver(reply);
  }

  reply(envelope: Buffer, body: Message['body']): ReplyFate | Promise<ReplyFate> {
    const fate = this.#reply({ envelope, body });
    return this.#world.chance.is(0.5) ? fate : Promise.resolve(fate);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    setImmediate(() => this.#readAhead());
  }

  /** Takes no more requests, and ends when its replies are sent. */
  leave(): void {
    if (this.#state === 'gone') return;
    this.#state = 'leaving';
    this.#world.time.after(LOCAL_MS, () => {
      if (this.#unread.length === 0) this.cut();
    });
  }

  /** Ends immediately. */
  cut(): void {
    if (this.#state === 'gone') return;
    this.#state = 'gone';
    this.#world.sockets--;
    this.#listener.ended(this);
    this.#world.time.after(LOCAL_MS, () => this.#app.dropped());
    this.#world.leaving(this, () => this.owner.left());
  }

  #reply(reply: Message): ReplyFate {
    if (this.#state !== 'open') return 'gone';
    if (this.#unreadBytes > this.#listener.options.unreadBytes) {
      this.cut();
      return 'full';
    }
    this.unanswered--;
    if (this.#app.isReading && this.#unread.length === 0) this.#deliver(reply);
    else {
      this.#unread.push(reply);
      this.#unreadBytes += reply.body.bytes;
    }
    return 'taken';
  }

  #deliver({ envelope, body }: Message): void {
    const frames = framesOf([envelope, ...body.chunks]);
    this.#world.time.after(LOCAL_MS, () => this.#app.arrived(frames));
  }

  #arrive(arrived: Arrived): void {
    if (this.#state !== 'open') return;
    if (arrived === 'end') return this.cut();
    if (!this.#isPaused && this.#ahead.length === 0) return this.#pass(arrived, false);
    const isOver = this.#ahead.length >= this.#world.aheadMost;
    if (isOver && arrived !== 'malformed' && this.#refuse(arrived)) return;
    this.#ahead.push({ arrived, isOver });
  }

  /** @returns false if a reply now would be that to an earlier message */
  #refuse({ envelope, body }: Message): boolean {
    const isSame = ({ arrived }: { arrived: Message | 'malformed' }) =>
      arrived !== 'malformed' && arrived.envelope.equals(envelope);
    if (this.#ahead.some(isSame)) return false;
    const before = this.unanswered++;
    const isRefused = this.owner.overflowAtOnce(envelope, body.bytes);
    if (!isRefused) this.unanswered--;
    if (this.#state === 'open' && this.unanswered > before) this.#world.broken('a refusal has to wait');
    return isRefused;
  }

  #readAhead(): void {
    while (!this.#isPaused && this.#state === 'open') {
      const next = this.#ahead.shift();
      if (next === undefined) return;
      this.#pass(next.arrived, next.isOver);
    }
  }

  #pass(arrived: Message | 'malformed', isOver: boolean): void {
    if (this.#isPaused) this.#world.broken('a message was passed on while it was paused');
    if (arrived === 'malformed') {
      this.#world.malformed++;
      return this.owner.malformed();
    }
    const { envelope, body } = arrived;
    this.unanswered++;
    if (isOver) this.owner.overflow(envelope, body.bytes);
    else if (body.bytes > this.#listener.options.messageBytes) this.owner.tooLarge(envelope, body.bytes);
    else this.owner.request(envelope, body);
    this.#world.received(this);
  }
}
