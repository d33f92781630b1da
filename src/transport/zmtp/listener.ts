import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { StartError } from '../../errors.ts';
import { type ConnectionEnd, stageOf, wordsOf } from '../connection-end.ts';
import { listenCause } from '../listen-cause.ts';
import type { Body } from '../message.ts';
import type { Client, ClientOwner, Listener, ListenerOwner, ListenOptions, ReplyFate } from '../transport.ts';
import { IpcPath } from './ipc-path.ts';
import { netAddressOf } from './net-address.ts';
import { Session, type SessionOwner } from './session.ts';
import { withSharedInput } from './shared-input.ts';

/** The socket types that may send requests to a REP (RFC 28). */
const ACCEPTED = ['REQ', 'DEALER'];
/** Most connections that wait to be accepted, if the system allows that many. */
const BACKLOG = 4_096;
const HANDSHAKE_TIMEOUT_MS = 15_000;
/** Nearly all apps are on this machine, so keepalive may take its time to notice that one is gone. */
const TCP = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 5_000 } as const;

/** Listens as a REP does. Clients are identified by their connections. */
export class ZmtpListener implements Listener {
  readonly messageBytesMost = Number.POSITIVE_INFINITY;
  readonly owner: ListenerOwner;
  options: ListenOptions;
  readonly #server: Server;
  readonly #path: IpcPath | undefined;
  readonly #clients = new Set<ZmtpClient>();
  #address: string;
  #isClosing = false;
  #empty = Promise.withResolvers<void>();

  private constructor(address: string, options: ListenOptions, owner: ListenerOwner) {
    this.owner = owner;
    this.options = options;
    this.#address = address;
    if (address.startsWith('ipc:///')) this.#path = new IpcPath(address.slice('ipc://'.length), options.mode);
    this.#server = createServer(TCP, (socket) => this.#accept(socket));
  }

  /** @throws {StartError} if it cannot listen there */
  static async open(address: string, options: ListenOptions, owner: ListenerOwner): Promise<ZmtpListener> {
    const listener = new ZmtpListener(address, options, owner);
    try {
      await listener.#listen();
    } catch (error) {
      throw new StartError(`cannot listen on ${address}: ${listenCause(error)}`, { cause: error });
    }
    return listener;
  }

  get address(): string {
    return this.#address;
  }

  /** Where it listens, if that is a path. */
  get ipcAddress(): string | undefined {
    return this.#address.startsWith('ipc:') ? this.#address : undefined;
  }

  change(options: ListenOptions): void {
    this.options = options;
    if (this.#path !== undefined) this.#path.mode = options.mode;
    for (const client of this.#clients) client.messageBytes = options.messageBytes;
  }

  async release(): Promise<void> {
    this.#unbind();
  }

  get isDone(): boolean {
    return !this.#server.listening && this.#clients.size === 0;
  }

  async close(lingerMs: number): Promise<void> {
    this.#isClosing = true;
    this.#unbind();
    const late = setTimeout(() => {
      for (const client of this.#clients) client.cut();
    }, lingerMs);
    for (const client of this.#clients) client.leave();
    if (this.#clients.size > 0) await this.#empty.promise;
    clearTimeout(late);
  }

  /** Called by a client when it has ended. */
  ended(client: ZmtpClient): void {
    this.#clients.delete(client);
    if (this.#clients.size === 0 && this.#isClosing) this.#empty.resolve();
  }

  #unbind(): void {
    if (!this.#server.listening) return;
    const close = () => void this.#server.close();
    if (this.#path === undefined) close();
    else this.#path.release(close);
  }

  async #listen(): Promise<void> {
    const listening = once(this.#server, 'listening');
    const listen = () => void this.#server.listen({ ...netAddressOf(this.#address), backlog: BACKLOG });
    if (this.#path === undefined) listen();
    else await this.#path.bind(listen);
    await listening;
    const bound = this.#server.address();
    if (bound !== null && typeof bound === 'object')
      this.#address = this.#address.replace(/:\d+$/, `:${bound.port}`);
    // Not if no descriptor is left: then libuv accepts the connection all the same, only to close it.
    this.#server.on('error', (error) => {
      const why = listenCause(error);
      this.owner.refused({ kind: 'accept_failed', why, address: undefined, key: undefined });
    });
  }

  #accept(socket: Socket): void {
    const { connections } = this.options;
    if (this.#clients.size >= connections) {
      const why = `it is one more than the ${connections} connections allowed`;
      const address = hostOf(socket.remoteAddress);
      this.owner.refused({ kind: 'too_many_connections', why, address, key: undefined });
      socket.destroy();
      return;
    }
    this.#clients.add(new ZmtpClient(socket, this));
  }
}

/** One connection of an app. */
class ZmtpClient implements Client, SessionOwner {
  readonly #listener: ZmtpListener;
  readonly #session: Session;
  /** The IP address that it came from; `undefined` for ipc. */
  readonly #host: string | undefined;
  readonly #port: number | undefined;
  /** Set when the handshake is over. */
  #owner: ClientOwner | undefined;
  #state: 'open' | 'leaving' | 'gone' = 'open';

  constructor(accepted: Socket, listener: ZmtpListener) {
    this.#listener = listener;
    const socket = withSharedInput(accepted, (chunk) => this.#session.read(chunk));
    // A socket that is closed does not tell any more.
    this.#host = hostOf(socket.remoteAddress);
    this.#port = socket.remotePort;
    const settings = {
      socketType: 'REP',
      accepts: ACCEPTED,
      messageBytes: listener.options.messageBytes,
      lends: false,
      handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
      heartbeat: undefined,
    } as const;
    this.#session = new Session(socket, settings, this);
  }

  get address(): string | undefined {
    const host = this.#host;
    if (host === undefined || this.#port === undefined) return this.#listener.ipcAddress;
    return host.includes(':') ? `[${host}]:${this.#port}` : `${host}:${this.#port}`;
  }

  set messageBytes(most: number) {
    this.#session.messageBytes = most;
  }

  reply(envelope: Buffer, body: Body): ReplyFate {
    if (this.#state !== 'open') return 'gone';
    if (this.#session.unsentBytes > this.#listener.options.unreadBytes) {
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
    if (this.#state === 'gone') return;
    if (this.#owner === undefined) return this.cut();
    this.#state = 'leaving';
    this.#session.finish();
  }

  /** Ends immediately. */
  cut(): void {
    this.#session.close();
    this.#gone();
  }

  ready(): void {
    this.#owner = this.#listener.owner.joined(this);
  }

  message(envelope: Buffer, body: Body): void {
    this.#owner?.request(envelope, body);
  }

  malformed(): void {
    this.#owner?.malformed();
  }

  tooLarge(envelope: Buffer, bytes: number): void {
    this.#owner?.tooLarge(envelope, bytes);
  }

  closed(end: ConnectionEnd): void {
    const stage = stageOf(end);
    // Who connects, says nothing and hangs up has only checked whether somebody listens, as a TCP probe of Kubernetes does.
    const isProbe = stage === 'hung up' && !this.#session.hasSpoken;
    if (stage !== 'dropped' && !isProbe) {
      const { kind } = end;
      this.#listener.owner.refused({ kind, why: wordsOf(end), address: this.#host, key: undefined });
    }
    this.#gone();
  }

  #gone(): void {
    if (this.#state === 'gone') return;
    this.#state = 'gone';
    this.#listener.ended(this);
    this.#owner?.left();
  }
}

/** An IPv4 address in its own form, also if it came to a socket of IPv6. */
function hostOf(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:/, '');
}
