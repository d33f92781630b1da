import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Body } from '../message.ts';
import type {
  Client,
  ConnectionEnd,
  ConnectionOwner,
  Listener,
  ListenerOwner,
  ListenSettings,
} from '../transport.ts';
import { KEEP_ALIVE, readerLimits } from './limits.ts';
import { netAddressOf } from './net-address.ts';
import { Session } from './session.ts';

/** The socket types that may send requests to a REP (RFC 28). */
const ACCEPTED = ['REQ', 'DEALER'];
/** Most connections that wait to be accepted, if the system allows that many. */
const BACKLOG = 4_096;

/** Listens as a REP does. Clients are identified by their connections. */
export class ZmtpListener implements Listener {
  readonly settings: ListenSettings;
  readonly #owner: ListenerOwner;
  readonly #server: Server;
  readonly #clients = new Set<ZmtpClient>();
  #address: string;

  private constructor(settings: ListenSettings, owner: ListenerOwner) {
    this.settings = settings;
    this.#owner = owner;
    this.#address = settings.address;
    this.#server = createServer({ ...KEEP_ALIVE, allowHalfOpen: false }, (socket) => this.#accept(socket));
    this.#server.maxConnections = settings.connections;
    this.#server.on('drop', () =>
      owner.refused(`it is one more than the ${settings.connections} connections allowed`),
    );
  }

  /** @throws {Error} with the system's error code, if it cannot listen */
  static async open(settings: ListenSettings, owner: ListenerOwner): Promise<ZmtpListener> {
    const listener = new ZmtpListener(settings, owner);
    listener.#server.listen({ ...netAddressOf(settings.address), backlog: BACKLOG });
    await once(listener.#server, 'listening');
    const bound = listener.#server.address();
    if (bound !== null && typeof bound === 'object')
      listener.#address = settings.address.replace(/:\d+$/, `:${bound.port}`);
    return listener;
  }

  get address(): string {
    return this.#address;
  }

  async close(lingerMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const client of this.#clients) client.leave();
    const late = setTimeout(() => {
      for (const client of this.#clients) client.cut();
    }, lingerMs);
    await closed;
    clearTimeout(late);
  }

  #accept(socket: Socket): void {
    const client = new ZmtpClient(socket, this.settings, this.#owner, () => this.#clients.delete(client));
    this.#clients.add(client);
  }
}

/** One connection of an app. */
class ZmtpClient implements Client, ConnectionOwner {
  readonly #owner: ListenerOwner;
  readonly #session: Session;
  readonly #unreadBytes: number;
  readonly #ended: () => void;
  #state: 'new' | 'ready' | 'leaving' | 'gone' = 'new';

  constructor(socket: Socket, settings: ListenSettings, owner: ListenerOwner, ended: () => void) {
    const { messageBytes, handshakeTimeoutMs, unreadBytes } = settings;
    this.#owner = owner;
    this.#unreadBytes = unreadBytes;
    this.#ended = ended;
    const limits = readerLimits(messageBytes);
    const as = {
      socketType: 'REP',
      accepts: ACCEPTED,
      limits,
      handshakeTimeoutMs,
      heartbeat: undefined,
    } as const;
    this.#session = new Session(socket, as, this);
  }

  reply(envelope: Buffer, body: Body): 'taken' | 'full' | 'gone' {
    if (this.#state !== 'ready') return 'gone';
    if (this.#session.unsentBytes > this.#unreadBytes) {
      this.cut();
      return 'full';
    }
    this.#session.send(envelope, body);
    return 'taken';
  }

  pause(): void {
    this.#session.pause();
  }

  resume(): void {
    this.#session.resume();
  }

  /** Ends when the replies so far have been sent and the app has closed its side. */
  leave(): void {
    if (this.#state !== 'ready') return this.cut();
    this.#state = 'leaving';
    this.#session.finish();
  }

  /** Ends immediately. */
  cut(): void {
    this.#session.close();
    this.#gone();
  }

  ready(): void {
    this.#state = 'ready';
  }

  message(envelope: Buffer, body: Body): void {
    this.#owner.request(this, envelope, body);
  }

  malformed(): void {
    this.#owner.malformed(this);
  }

  tooLarge(envelope: Buffer, bytes: number): void {
    this.#owner.tooLarge(this, envelope, bytes);
  }

  closed({ kind, why }: ConnectionEnd): void {
    if (kind === 'handshake') this.#owner.refused(why);
    this.#gone();
  }

  #gone(): void {
    if (this.#state === 'gone') return;
    const wasReady = this.#state !== 'new';
    this.#state = 'gone';
    this.#ended();
    if (wasReady) this.#owner.left(this);
  }
}
