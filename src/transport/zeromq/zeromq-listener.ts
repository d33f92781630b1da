import { chmodSync, rmSync } from 'node:fs';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { Router, type SocketOptions } from 'zeromq';
import { codeOf, messageOf, StartError } from '../../errors.ts';
import { listenCause } from '../listen-cause.ts';
import type { Body } from '../message.ts';
import { bindAs, DEFAULT_MODE, isAlive } from '../socket-path.ts';
import type { Listener, ListenerOwner, ListenOptions, ListenSettings, ReplyFate } from '../transport.ts';
import { context, frameBytesMost } from './context.ts';
import { allFrames, parse } from './frames.ts';
import { Inbox } from './inbox.ts';
import { patiently } from './patiently.ts';
import { type Door, doorkeeper } from './zap.ts';
import { ZeromqClient } from './zeromq-client.ts';

const NOTHING = Buffer.alloc(0);
/** Most requests to read before acting on one of them. */
const AT_ONCE = 64;
/** How long replies may take to go out after the socket is closed. */
const LINGER_MS = 1_000;
const MARGIN_MS = 100;
/** A reply older than this has been sent, or its client does not read. */
const RECENT_MS = 10_000;
/**
 * How many replies libzmq keeps for a client that does not read. Fixed when it is bound: libzmq 4.3.5 crashes if its high water mark
 * is set while clients come and go (it sends the new mark to connections that are already freed).
 */
const UNREAD_MOST = 1_024;
/** How many clients without a request are remembered: nothing tells that one has left. */
const IDLE_CLIENTS = 1_024;

/**
 * A ROUTER of libzmq. It looks like a REP to its clients (RFC 28), but one client's request does not block another's. libzmq tells
 * neither who connects nor who leaves: a client is known from its first message on.
 */
export class ZeromqListener implements Listener {
  address: string;
  readonly messageBytesMost: number;
  #options: ListenOptions;
  readonly #owner: ListenerOwner;
  readonly #socket: Router;
  readonly #door: Door;
  #domain: string | undefined;
  #lastSentMs = Number.NEGATIVE_INFINITY;
  readonly #clients = new Map<string, ZeromqClient>();
  /** When to look for idle clients to forget. */
  #clientsMost = 2 * IDLE_CLIENTS;
  #isOpen = true;

  private constructor({ address, secretKey }: ListenSettings, options: ListenOptions, owner: ListenerOwner) {
    this.address = address;
    this.messageBytesMost = frameBytesMost(options.messageBytes);
    this.#options = options;
    this.#owner = owner;
    this.#door = {
      allowed: new Set(options.allowedKeys),
      refused: (key, from) => this.#refused(key, from),
    };
    this.#socket = openRouter({
      ipv6: address.startsWith('tcp://['),
      maxMessageSize: this.messageBytesMost,
      // If the domain is not enforced, libzmq admits everybody while nobody answers for it.
      ...(secretKey && { curveServer: true, curveSecretKey: secretKey, zapEnforceDomain: true }),
    });
  }

  /** @throws {StartError} if it cannot listen there */
  static async open(
    settings: ListenSettings,
    options: ListenOptions,
    owner: ListenerOwner,
  ): Promise<ZeromqListener> {
    const listener = new ZeromqListener(settings, options, owner);
    try {
      await listener.#bind(settings);
    } catch (error) {
      listener.#shut();
      throw new StartError(`cannot listen on ${settings.address}: ${listenCause(error)}`, { cause: error });
    }
    void listener.#run();
    return listener;
  }

  change(options: ListenOptions): void {
    // Another process may have its path by now.
    if (!this.#isOpen) return;
    if (options.mode !== this.#options.mode) this.#changeMode(options.mode);
    this.#options = options;
    this.#door.allowed = new Set(options.allowedKeys);
  }

  /**
   * Closes the socket. To unbind it keeps no client: libzmq drops the connections that it has accepted, because they are children of its
   * listener. And zeromq.js unbinds in another thread while its poller may use the socket in this one, which libzmq does not allow.
   * Replies handed over still go out.
   */
  async release(): Promise<void> {
    if (!this.#isOpen) return;
    // Messages that have been read are handled to the end in this turn of the event loop.
    await setImmediate();
    this.#leave();
    for (const client of this.#clients.values()) client.leave();
    this.#clients.clear();
  }

  get isDone(): boolean {
    return !this.#isOpen && !this.#maySend;
  }

  /**
   * libzmq does not tell when the last reply has gone out, so this waits for as long as it may take. Replies are in memory that Node
   * frees at exit. If libzmq were still sending them, it would find nothing there (EFAULT) and abort the process.
   */
  async close(lingerMs: number): Promise<void> {
    this.#leave();
    if (this.#maySend) await setTimeout(lingerMs + MARGIN_MS);
  }

  /** Whether replies may not have gone out yet. */
  get #maySend(): boolean {
    return performance.now() - this.#lastSentMs < RECENT_MS;
  }

  async #bind({ address, secretKey }: ListenSettings): Promise<void> {
    if (secretKey !== undefined) {
      this.#domain = await doorkeeper.open(this.#door);
      this.#socket.zapDomain = this.#domain;
      this.#watch().catch(() => undefined);
    }
    await patiently(() => this.#listen(address, this.#options.mode));
    this.address = this.#socket.lastEndpoint ?? address;
  }

  async #listen(address: string, mode: number | undefined): Promise<void> {
    if (address.startsWith('ipc://')) await refuseLivingPath(address.slice('ipc://'.length));
    if (mode === undefined) await this.#socket.bind(address);
    else bindAs(mode, () => this.#socket.bindSync(address));
  }

  async #run(): Promise<void> {
    const inbox = new Inbox(this.#socket);
    try {
      for (;;) {
        const batch = await inbox.receive(AT_ONCE);
        // A message may be received while the socket is closed.
        if (!this.#isOpen) return;
        for (const frames of batch) this.#take(frames);
        // There may be more, but let other work have its turn first.
        if (batch.length === AT_ONCE) await setImmediate();
      }
    } catch (error) {
      if (this.#isOpen) throw error;
    }
  }

  #take(frames: Buffer[]): void {
    const client = this.#clientOf(frames[0] ?? NOTHING);
    const message = parse(frames, 1);
    if (message === undefined) client.owner?.malformed();
    else client.take(message, this.#options.messageBytes);
  }

  #clientOf(id: Buffer): ZeromqClient {
    const name = id.toString('latin1');
    const known = this.#clients.get(name);
    if (known !== undefined) return known;
    // Before the new one is there, which is idle too.
    if (this.#clients.size >= this.#clientsMost) this.#forgetIdle();
    const from = this.address.startsWith('ipc:') ? this.address : undefined;
    const client = new ZeromqClient(from, (envelope, body) => this.#send(id, envelope, body));
    client.owner = this.#owner.joined(client);
    this.#clients.set(name, client);
    return client;
  }

  /** A client that comes again is a new one. */
  #forgetIdle(): void {
    for (const [name, client] of this.#clients) {
      if (!client.isIdle) continue;
      this.#clients.delete(name);
      client.leave();
    }
    this.#clientsMost = this.#clients.size + 2 * IDLE_CLIENTS;
  }

  #send(id: Buffer, envelope: Buffer, body: Body): Promise<ReplyFate> {
    try {
      const sending = this.#socket.send([id, ...allFrames(envelope, body)]);
      this.#lastSentMs = performance.now();
      return sending.then(taken, fateOf);
    } catch {
      // It is closed.
      return Promise.resolve('gone');
    }
  }

  /**
   * Reports clients that fail before their key is checked: without CURVE, or with another server's key. A client without CURVE may
   * notice first, and hang up.
   */
  async #watch(): Promise<void> {
    const { events } = this.#socket;
    for (;;) {
      const event = await events.receive();
      if (event.type === 'end') return;
      const { type } = event;
      if (type === 'handshake:error:protocol' || type === 'handshake:error:other')
        this.#refused(undefined, event.address);
    }
  }

  #refused(key: string | undefined, address: string): void {
    const refused =
      key === undefined
        ? ({ kind: 'no_key', why: 'it showed no key, or is not ZeroMQ' } as const)
        : ({ kind: 'key_not_allowed', why: 'its key is not allowed' } as const);
    this.#owner.refused({ ...refused, address, key });
  }

  #changeMode(mode: number | undefined): void {
    try {
      chmodSync(this.address.slice('ipc://'.length), mode ?? DEFAULT_MODE);
    } catch {
      // Somebody has removed the path, so nobody can connect there any more.
    }
  }

  /** Frees the address, unless it has been freed. */
  #leave(): void {
    if (!this.#isOpen) return;
    this.#shut();
    // libzmq leaves the file behind. An abstract name (`@...`) has no file.
    if (this.address.startsWith('ipc:///')) removeIfPossible(this.address.slice('ipc://'.length));
  }

  #shut(): void {
    this.#isOpen = false;
    this.#socket.close();
    if (this.#domain !== undefined) doorkeeper.close(this.#domain);
  }
}

function openRouter(options: SocketOptions<Router>): Router {
  try {
    return new Router({
      context,
      mandatory: true,
      sendTimeout: 0,
      linger: LINGER_MS,
      tcpKeepalive: 1,
      receiveHighWaterMark: AT_ONCE,
      sendHighWaterMark: UNREAD_MOST,
      ...options,
    });
  } catch (error) {
    throw new StartError(`cannot open a socket: ${messageOf(error)}`, { cause: error });
  }
}

const taken = () => 'taken' as const;
const fateOf = (error: unknown) => (codeOf(error) === 'EAGAIN' ? 'full' : 'gone');

/**
 * libzmq silently takes an ipc path over from a live process, so check first whether anybody answers there.
 *
 * @throws {Error} EADDRINUSE
 */
async function refuseLivingPath(path: string): Promise<void> {
  if (await isAlive(path.replace(/^@/, '\0')))
    throw Object.assign(new Error('address in use'), { code: 'EADDRINUSE' });
}

/** Removes the path if possible. If not, the next process to listen there checks whether anybody answers. */
function removeIfPossible(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {}
}
