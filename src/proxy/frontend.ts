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
/** Most requests that are read before one of them is acted upon. */
const AT_ONCE = 64;
/** How long replies that are on their way out may take after the frontend is closed. */
export const LINGER_MS = 1_000;

/** What a usual umask leaves of the mode of a socket. */
const DEFAULT_MODE = 0o755;

export interface FrontendOwner {
  request(request: Request): void;
  /** A message came that has no delimiter or no body; it is dropped, as REP drops it. */
  malformed(): void;
  /** A client was turned away by its key; `undefined` where it showed none. */
  refused(key: string | undefined, address: string): void;
}

export interface FrontendSettings {
  name: string;
  listen: string;
  /** Of the socket of an ipc path; `undefined`: the umask decides. */
  mode: number | undefined;
  messageBytes: number;
  /**
   * Replies kept for a client that does not read; further ones are thrown away. Fixed when it is bound: libzmq 4.3.5 crashes
   * where its high water mark is set while clients come and go (it sends the new mark to connections that are freed already).
   */
  unreadPerClient: number;
  curve: CurveServer | undefined;
}

/**
 * The socket that a route binds for the app: a REP to look at (RFC 28), a ROUTER underneath, so that one client's request
 * does not hold up another's. It alone creates, reads, writes and closes the socket.
 */
export class Frontend {
  readonly #settings: FrontendSettings;
  readonly #owner: FrontendOwner;
  readonly #socket: Router;
  #isOpen = true;
  #mode: number | undefined;
  /** While the socket is unbound it is neither read nor written: zeromq.js refuses (EBUSY). Settles when that is over. */
  #held: Promise<void> | undefined;
  /** Where it listens. */
  #bound: string | undefined;
  readonly #door: Door;
  #domain: string | undefined;
  /** Of a message over this, libzmq drops the connection. */
  readonly maxMessageBytes: number;

  /** @throws {StartError} where no descriptor is left for a socket */
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
      // The size is checked by the route, which answers; beyond this, libzmq drops the connection to guard memory.
      maxMessageSize: this.maxMessageBytes,
      sendHighWaterMark: unreadPerClient,
      // Without its domain being enforced, libzmq lets everybody in while nobody answers for it.
      ...(curve && { curveServer: true, curveSecretKey: curve.secretKey, zapEnforceDomain: true }),
    });
  }

  /**
   * Listens; requests are taken when it `run`s.
   *
   * @returns the address, with the port that the system chose where the settings say 0
   * @throws {StartError} where it cannot listen there
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
   * Listens no more. libzmq drops the connections that it has accepted (they are children of its listener): replies that were
   * handed over still go out, and clients connect again where the next one listens.
   */
  async release(): Promise<void> {
    const bound = this.#bound;
    if (bound === undefined) return;
    // What has been read is read to its end in this turn of the event loop.
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
   * Listens elsewhere, after `release`.
   *
   * @returns the address
   * @throws {StartError} where it cannot listen there
   */
  async listenAt(listen: string): Promise<string> {
    const { name } = this.#settings;
    // For what is bound from now on.
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
        // There may be more: whatever else is due has its turn first.
        if (batch.length === AT_ONCE) await setImmediate();
      }
    } catch (error) {
      if (this.#isOpen) throw error;
    }
  }

  /** Sends a reply; `false` where the client is gone, or has not read so many replies that it may as well be. */
  reply(request: Request, body: readonly Buffer[]): Promise<boolean> {
    if (this.#held !== undefined) return this.#held.then(() => this.reply(request, body));
    try {
      return this.#socket.send(request.head.concat(body)).then(isTaken, isNotTaken);
    } catch {
      return Promise.resolve(false);
    }
  }

  /** Takes nothing more; replies already handed over may still go out. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#shut();
    const { listen } = this.#settings;
    // libzmq leaves the file behind. An abstract name (`@...`) has none, and one that is not ours is another process's.
    if (this.#bound !== undefined && listen.startsWith('ipc:///'))
      removeIfPossible(listen.slice('ipc://'.length));
  }

  /** Who may connect from now on, by the mode of the socket of an ipc path. */
  set mode(mode: number | undefined) {
    if (mode === this.#mode) return;
    this.#mode = mode;
    const { listen } = this.#settings;
    try {
      chmodSync(listen.slice('ipc://'.length), mode ?? DEFAULT_MODE);
    } catch {
      // Somebody has removed it: nobody can connect there any more.
    }
  }

  /** Who may connect from now on, by their keys. */
  set allowedKeys(keys: readonly string[]) {
    this.#door.allowed = new Set(keys);
  }

  /**
   * Tells of those who never get so far as to be asked for their key: without CURVE, or with another server's key. One
   * without CURVE may see that first, and hang up.
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
   * While a socket is unbound, libzmq takes in what it would have told the reader, who then waits for messages that are there. To send
   * makes zeromq.js look again; nobody has this id, as libzmq lets none begin with 0.
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
    throw new StartError(`route ${name}: no socket to listen with: ${messageOf(error)}`, { cause: error });
  }
}

const isTaken = () => true;
const isNotTaken = () => false;

/**
 * libzmq takes an ipc path over from a living process without a word: ask first whether anybody answers there.
 *
 * @throws {Error} EADDRINUSE
 */
async function refuseLivingPath(path: string): Promise<void> {
  const name = path.startsWith('@') ? `\0${path.slice(1)}` : path;
  const isAlive = await new Promise<boolean>((resolve) => {
    const probe = connect(name);
    // Too busy for another connection, or not for us.
    probe.once('error', (error) => resolve(['EAGAIN', 'EACCES', 'EPERM'].includes(codeOf(error) ?? '')));
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
  });
  if (isAlive) throw Object.assign(new Error('address in use'), { code: 'EADDRINUSE' });
}

/** It may be anything by now; the next one to listen there asks who answers. */
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
