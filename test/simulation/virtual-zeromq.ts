import type { Connection, World } from './world.ts';

/* The part of zeromq.js that the proxy uses, on a virtual network: `Dealer` for lanes, `Router` for listeners. */

let world: World | undefined;

/** From now on, sockets are created in this world. */
export function inhabit(next: World): void {
  world = next;
}

function here(): World {
  if (world === undefined) throw new Error('no world to open a socket in');
  return world;
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** Messages that have arrived and are not read yet. Only one receive at a time may wait, as in zeromq.js. */
class Inbox<T> {
  readonly #items: T[] = [];
  #waiting: { resolve(item: T): void; reject(error: Error): void } | undefined;
  /** 0: `receive` does not wait. */
  timeout = -1;
  isClosed = false;

  receive(): Promise<T> {
    if (this.isClosed) throw failure('EBADF');
    if (this.#waiting !== undefined) throw failure('EBUSY');
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    if (this.timeout === 0) return Promise.reject(failure('EAGAIN'));
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  push(item: T): void {
    if (this.isClosed) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#items.push(item);
    else waiting.resolve(item);
  }

  close(): void {
    this.isClosed = true;
    this.#waiting?.reject(failure('EAGAIN'));
    this.#waiting = undefined;
  }
}

export class Context {}

export class Dealer {
  readonly #world = here();
  readonly #inbox = new Inbox<Buffer[]>();
  readonly events = new Inbox<{ type: string }>();
  #connection: Connection | undefined;

  constructor() {
    this.#world.sockets++;
  }

  connect(address: string): void {
    const client = {
      arrived: (frames: Buffer[]) => this.#inbox.push(frames),
      told: (type: string) => this.events.push({ type }),
    };
    this.#connection = this.#world.connect(client, address);
  }

  async send(frames: readonly Buffer[]): Promise<void> {
    if (this.#connection === undefined) throw failure('EBADF');
    // A message to a connection that has dropped, but has not reported it yet, is lost.
    if (this.#connection.state === 'up') this.#connection.toServer([...frames]);
  }

  get closed(): boolean {
    return this.#inbox.isClosed;
  }

  set receiveTimeout(ms: number) {
    this.#inbox.timeout = ms;
  }

  receive(): Promise<Buffer[]> {
    return this.#inbox.receive();
  }

  close(): void {
    if (this.#connection === undefined) throw failure('EBADF');
    this.#connection.close();
    this.#connection = undefined;
    this.#inbox.close();
    this.events.push({ type: 'end' });
    this.#world.sockets--;
  }
}

/** Used only with CURVE, which the simulation does not have. */
export class Reply {}

export class Router {
  readonly #world = here();
  readonly #inbox = new Inbox<Buffer[]>();
  lastEndpoint = '';

  constructor() {
    this.#world.sockets++;
  }

  async bind(address: string): Promise<void> {
    this.lastEndpoint = address;
    this.#world.listener = { arrived: (frames) => this.#inbox.push(frames) };
  }

  get closed(): boolean {
    return this.#inbox.isClosed;
  }

  set receiveTimeout(ms: number) {
    this.#inbox.timeout = ms;
  }

  receive(): Promise<Buffer[]> {
    return this.#inbox.receive();
  }

  async send([id, ...frames]: readonly Buffer[]): Promise<void> {
    const app = this.#world.apps.get(String(id));
    if (app === undefined) throw failure('EHOSTUNREACH');
    this.#world.time.after(0.05, () => app.arrived(frames));
  }

  close(): void {
    this.#inbox.close();
    this.#world.listener = undefined;
    this.#world.sockets--;
  }
}
