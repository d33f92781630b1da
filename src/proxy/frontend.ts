import { chmodSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { Router, type SocketOptions } from 'zeromq';
import { codeOf, messageOf, StartError } from '../errors.ts';
import { bindAs, patiently } from './bind.ts';
import type { Request } from './clients.ts';
import { context } from './context.ts';
import { sizeOf, split } from './envelope.ts';
import { Inbox } from './inbox.ts';
import type { CurveServer } from './settings.ts';
import { type Door, doorkeeper } from './zap.ts';

const NOBODY = Buffer.from([0]);
const NOTHING = Buffer.alloc(0);
/** Most requests to read before acting on one of them. */
const AT_ONCE = 64;
/** How long replies may take to go out after the frontend is closed. */
export const LINGER_MS = 1_000;

/** The mode of a socket with a typical umask. */
const DEFAULT_MODE = 0o755;

export interface FrontendOwner {
  request(request: Request): void;
  /** A message without a delimiter or a body arrived. It is dropped, as a REP does. */
  malformed(): void;
  /** A client was refused because of its key; `undefined` if it showed none. */
  refused(key: string | undefined, address: string): void;
}

export interface FrontendSettings {
  name: string;
  listen: string;
  /** The mode of the socket of an ipc path; `undefined`: the umask decides. */
  mode: number | undefined;
  messageBytes: number;
  /**
   * How many replies are kept for a client that does not read; further ones are dropped. Fixed when it is bound: libzmq 4.3.5
   * crashes if its high water mark is set while clients come and go (it sends the new mark to connections that are already freed).
   */
  unreadPerClient: number;
  curve: CurveServer | undefined;
}

/**
 * The socket that a route binds for the app. It looks like a REP (RFC 28), but is a ROUTER underneath, so that one client's
 * request does not block another's. Only this class creates, reads, writes and closes the socket.
 */
export class Frontend {
  readonly #settings: FrontendSettings;
  readonly #owner: FrontendOwner;
  readonly #socket: Router;
  #isOpen = true;
  #mode: number | undefined;
  /** Set while the socket is being unbound. It can neither be read nor written then, because zeromq.js refuses (EBUSY). */
  #held: Promise<void> | undefined;
  /** The address where it listens. */
  #bound: string | undefined;
  readonly #door: Door;
  #domain: string | undefined;
  /** libzmq drops the connection of a client that sends a larger message. */
  readonly maxMessageBytes: number;

  /** @throws {StartError} if no descriptor is left for a socket */
  constructor(settings: FrontendSettings, owner: FrontendOwner) {
    this.#settings = settings;
    this.maxMessageBytes = settings.messageBytes * 2;
    this.#owner = owner;
    this.#mode = settings.mode;
    const { curve, unreadPerClient } = settings;
    this.#door = {
      allowed: new Set(curve?.allowedKeys),
      refused: (key, address) => this.#owner.refused(key, address),
    };
    this.#socket = openRouter(settings.name, {
      ipv6: settings.listen.startsWith('tcp://['),
      // The route checks the size and answers. Above this limit, libzmq drops the connection to protect memory.
      maxMessageSize: this.maxMessageBytes,
      sendHighWaterMark: unreadPerClient,
      // If the domain is not enforced, libzmq admits everybody while nobody answers for it.
      ...(curve && { curveServer: true, curveSecretKey: curve.secretKey, zapEnforceDomain: true }),
    });
  }

  /**
   * Listens. Requests are read when it `run`s.
   *
   * @returns the address, with the port that the system chose if the settings say 0
   * @throws {StartError} if it cannot listen there
   */
  async bind(): Promise<string> {
    const { name, listen, curve } = this.#settings;
    try {
      if (curve !== undefined) {
        this.#domain = await doorkeeper.open(this.#door);
        this.#socket.zapDomain = this.#domain;
        this.#watch().catch(() => undefined);
      }
      await patiently(() => this.#listen());
    } catch (error) {
      this.#shut();
      throw new StartError(`route ${name}: cannot listen on ${listen}: ${reasonOf(error)}`, { cause: error });
    }
    this.#bound = this.#socket.lastEndpoint ?? listen;
    return this.#bound;
  }

  /**
   * Stops listening. libzmq drops the connections that it has accepted (they are children of its listener). Replies that were
   * handed over still go out, and clients reconnect to the next listener there.
   */
  async release(): Promise<void> {
    const bound = this.#bound;
    if (bound === undefined) return;
    // Messages that have been read are handled to the end in this turn of the event loop.
    await setImmediate();
    const unbinding = this.#socket.unbind(bound);
    this.#held = unbinding.catch(() => undefined);
    try {
      await unbinding;
      this.#bound = undefined;
    } finally {
      this.#held = undefined;
      this.#wakeReader();
    }
  }

  /**
   * Listens on another address, after `release`.
   *
   * @returns the address
   * @throws {StartError} if it cannot listen there
   */
  async listenAt(listen: string): Promise<string> {
    const { name } = this.#settings;
    // Applies to later binds.
    this.#socket.ipv6 = listen.startsWith('tcp://[');
    try {
      await patiently(async () => this.#socket.bindSync(listen));
    } catch (error) {
      throw new StartError(`route ${name}: cannot listen on ${listen}: ${reasonOf(error)}`, { cause: error });
    }
    this.#bound = this.#socket.lastEndpoint ?? listen;
    return this.#bound;
  }

  /** Hands each request to its owner until it is closed. */
  async run(): Promise<void> {
    const inbox = new Inbox(this.#socket, () => this.#held !== undefined);
    try {
      for (;;) {
        await this.#held;
        const batch = await inbox.receive(AT_ONCE);
        for (const frames of batch) this.#take(frames);
        // There may be more, but let other work have its turn first.
        if (batch.length === AT_ONCE) await setImmediate();
      }
    } catch (error) {
      if (this.#isOpen) throw error;
    }
  }

  /** Sends a reply; `false` if the client is gone, or has too many unread replies. */
  reply(request: Request, body: readonly Buffer[]): Promise<boolean> {
    if (this.#held !== undefined) return this.#held.then(() => this.reply(request, body));
    try {
      return this.#socket.send(request.head.concat(body)).then(isTaken, isNotTaken);
    } catch {
      return Promise.resolve(false);
    }
  }

  /** Takes no more requests; replies already handed over may still go out. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#shut();
    const { listen } = this.#settings;
    // libzmq leaves the file behind. An abstract name (`@...`) has no file, and a path that we did not bind belongs to another process.
    if (this.#bound !== undefined && listen.startsWith('ipc:///'))
      removeIfPossible(listen.slice('ipc://'.length));
  }

  /** Changes who may connect to an ipc path, by the mode of its socket. */
  set mode(mode: number | undefined) {
    if (mode === this.#mode) return;
    this.#mode = mode;
    const { listen } = this.#settings;
    try {
      chmodSync(listen.slice('ipc://'.length), mode ?? DEFAULT_MODE);
    } catch {
      // Somebody has removed the path, so nobody can connect there any more.
    }
  }

  /** Changes which clients may connect, by their keys. */
  set allowedKeys(keys: readonly string[]) {
    this.#door.allowed = new Set(keys);
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
        this.#owner.refused(undefined, event.address);
    }
  }

  async #listen(): Promise<void> {
    const { listen, mode } = this.#settings;
    if (listen.startsWith('ipc://')) await refuseLivingPath(listen.slice('ipc://'.length));
    if (mode === undefined) await this.#socket.bind(listen);
    else bindAs(mode, () => this.#socket.bindSync(listen));
  }

  /**
   * While a socket is being unbound, libzmq swallows the notification of new messages, so the reader would keep waiting. A send makes
   * zeromq.js check again. It goes to nobody, because no client of libzmq has an id that starts with 0.
   */
  #wakeReader(): void {
    this.#socket.send([NOBODY, NOTHING]).catch(() => undefined);
  }

  #shut(): void {
    this.#socket.close();
    if (this.#domain !== undefined) doorkeeper.close(this.#domain);
  }

  #take(frames: Buffer[]): void {
    const bodyAt = split(frames, 1);
    if (bodyAt === -1) return this.#owner.malformed();
    this.#owner.request({
      client: frames[0]?.toString('latin1') ?? '',
      head: frames.slice(0, bodyAt),
      body: frames.slice(bodyAt),
      bytes: sizeOf(frames, bodyAt),
      arrivedMs: performance.now(),
    });
  }
}

function openRouter(name: string, options: SocketOptions<Router>): Router {
  try {
    return new Router({
      context,
      mandatory: true,
      sendTimeout: 0,
      linger: LINGER_MS,
      tcpKeepalive: 1,
      receiveHighWaterMark: AT_ONCE,
      ...options,
    });
  } catch (error) {
    throw new StartError(`route ${name}: cannot open a socket: ${messageOf(error)}`, { cause: error });
  }
}

const isTaken = () => true;
const isNotTaken = () => false;

/**
 * libzmq silently takes an ipc path over from a live process, so check first whether anybody answers there.
 *
 * @throws {Error} EADDRINUSE
 */
async function refuseLivingPath(path: string): Promise<void> {
  const name = path.startsWith('@') ? `\0${path.slice(1)}` : path;
  const isAlive = await new Promise<boolean>((resolve) => {
    const probe = connect(name);
    // It is too busy for another connection, or does not allow us.
    probe.once('error', (error) => resolve(['EAGAIN', 'EACCES', 'EPERM'].includes(codeOf(error) ?? '')));
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
  });
  if (isAlive) throw Object.assign(new Error('address in use'), { code: 'EADDRINUSE' });
}

/** Removes the path if possible. If not, the next process to listen there checks whether anybody answers. */
function removeIfPossible(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {}
}

function reasonOf(error: unknown): string {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return 'another process listens there (address in use)';
    case 'EACCES':
      return 'permission denied';
    case 'EADDRNOTAVAIL':
    case 'ENODEV':
      return 'this machine has no such address';
    case 'ENOENT':
      return 'the directory does not exist';
    default:
      return messageOf(error);
  }
}
