import type { Waiting } from './load.ts';

/** A parsed request from the app. */
export interface Request {
  /** The routing id as text. It identifies the app's socket. */
  readonly client: string;
  /** Routing id, envelope and delimiter: the frames that its reply must start with. */
  readonly head: readonly Buffer[];
  readonly body: readonly Buffer[];
  /** The size of the body. */
  readonly bytes: number;
  /** By `performance.now`. */
  readonly arrivedMs: number;
}

/** A request that may have to wait for its client's turn. */
export interface Turn extends Request {
  readonly place: { readonly waiting: Waiting };
  /** When it must have its outcome, by `performance.now`. */
  deadlineMs: number;
}

interface Client<T> {
  readonly waiting: Waiting;
  inFlight: number;
  /** The latest deadline of its requests in flight and waiting. */
  deadlineMs: number;
  readonly line: T[];
  /** Refusals to send after its waiting requests. Only counted, so that a flood of them takes no memory. */
  owed: { request: T; count: number } | undefined;
}

/** How many clients without a request are remembered. Most will send another, and a `Map` with changing keys is slow to collect. */
const IDLE_CLIENTS = 1_024;

/** How many refusals go out before others have their turn: after a flood, a client may be owed any number. */
const REFUSALS_AT_ONCE = 64;

/** What happens when it is a request's turn. */
export interface Turns<T> {
  start(request: T): void;
  refuse(request: T): void;
  /** The requests of this client in flight must end by this time, because a later one waits for them. */
  hurry(client: Waiting, deadlineMs: number): void;
}

/**
 * Handles the requests of each client one at a time and in order, as a REP socket does, while clients do not wait for each
 * other. A plain REQ never has two requests in flight. A DEALER may pipeline, and relies on the order of its replies.
 */
export class Clients<T extends Turn> {
  readonly #clients = new Map<string, Client<T>>();
  /** How many of them have nothing in flight. */
  #idle = 0;
  #limit: number;
  readonly #turns: Turns<T>;

  /** @param limit most requests of one client in flight; above 1 the client must tell its replies apart itself */
  constructor(limit: number, turns: Turns<T>) {
    this.#limit = limit;
    this.#turns = turns;
  }

  /** If it is raised, waiting requests may start; if it is lowered, those in flight go on. */
  set limit(limit: number) {
    this.#limit = limit;
    for (const client of this.#clients.values()) this.#startInLine(client);
  }

  /** How many clients are known, including those with nothing in flight. */
  get size(): number {
    return this.#clients.size;
  }

  /** Requests of this client without an outcome, not counting refusals that it is owed. */
  countOf(client: string): number {
    const known = this.#clients.get(client);
    return known === undefined ? 0 : known.inFlight + known.line.length;
  }

  /** Whether this client is owed a refusal. Later requests must not overtake it, so they are refused too. */
  isOwedRefusal(client: string): boolean {
    return this.#clients.get(client)?.owed !== undefined;
  }

  /** The `waiting` with which this client's requests must enter the load; `undefined` for a new client. */
  waitingOf(client: string): Waiting | undefined {
    return this.#clients.get(client)?.waiting;
  }

  /** Starts the request, now or when its turn comes. `done` must follow each start. */
  arrive(request: T): void {
    let client = this.#clients.get(request.client);
    if (client === undefined) {
      const { waiting } = request.place;
      client = { waiting, inFlight: 0, deadlineMs: request.deadlineMs, line: [], owed: undefined };
      this.#clients.set(request.client, client);
    } else if (client.inFlight === 0) {
      this.#idle--;
    }
    if (client.inFlight >= this.#limit || client.line.length > 0) {
      this.#hurry(client, request);
      client.line.push(request);
    } else {
      client.deadlineMs = Math.max(client.deadlineMs, request.deadlineMs);
      this.#start(client, request);
    }
  }

  /** Refuses the request, now or when its turn comes. */
  refuse(request: T): void {
    const client = this.#clients.get(request.client);
    if (client === undefined || client.inFlight === 0 || this.#limit > 1 || hasAddress(request))
      return this.#turns.refuse(request);
    this.#hurry(client, request);
    if (client.owed === undefined) {
      client.owed = { request, count: 1 };
    } else client.owed.count++;
  }

  /** The request has its outcome, so waiting requests may start. */
  done(request: T): void {
    const client = this.#clients.get(request.client);
    if (client === undefined) return;
    client.inFlight--;
    this.#startInLine(client);
    if (client.inFlight === 0) this.#payRefusals(client);
  }

  /** Starts waiting requests up to the limit: none if it has been lowered. */
  #startInLine(client: Client<T>): void {
    while (client.inFlight < this.#limit) {
      const next = client.line.shift();
      if (next === undefined) break;
      this.#start(client, next);
    }
  }

  /**
   * A request waits for the earlier ones of its client. After a reload that shortened the deadline, those have more time left than
   * this one. They must not use it: this outcome would be late, and sending it before theirs would answer the wrong request.
   */
  #hurry(client: Client<T>, { deadlineMs }: T): void {
    if (deadlineMs < client.deadlineMs) {
      for (const one of client.line) one.deadlineMs = Math.min(one.deadlineMs, deadlineMs);
      this.#turns.hurry(client.waiting, deadlineMs);
    }
    client.deadlineMs = deadlineMs;
  }

  /** Sends the owed refusals. Until all are sent, the client is still owed them, so that no request overtakes them. */
  #payRefusals(client: Client<T>): void {
    const { owed } = client;
    if (owed !== undefined) {
      for (let sent = 0; owed.count > 0 && sent < REFUSALS_AT_ONCE; sent++, owed.count--)
        this.#turns.refuse(owed.request);
      if (owed.count > 0) return void setImmediate(() => this.#payRefusals(client));
      client.owed = undefined;
    }
    if (++this.#idle > IDLE_CLIENTS) this.#forgetIdle();
  }

  #forgetIdle(): void {
    for (const [name, { inFlight, owed }] of this.#clients)
      if (inFlight === 0 && owed === undefined) this.#clients.delete(name);
    this.#idle = 0;
  }

  #start(client: Client<T>, request: T): void {
    client.inFlight++;
    this.#turns.start(request);
  }
}

/** Whether there are frames in front of the delimiter: the client can tell its replies apart, so order does not matter to it. */
function hasAddress(request: Request): boolean {
  return request.head.length > 2;
}
