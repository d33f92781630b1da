import type { Waiting } from './load.ts';

/** A request of the app, taken apart. */
export interface Request {
  /** The routing id as text: which of the app's sockets it came from. */
  readonly client: string;
  /** Routing id, envelope and delimiter: what its reply must begin with. */
  readonly head: readonly Buffer[];
  readonly body: readonly Buffer[];
  /** Of the body. */
  readonly bytes: number;
  /** On the clock of `performance.now`. */
  readonly arrivedMs: number;
}

/** A request that a client may have to wait with. */
export interface Turn extends Request {
  readonly place: { readonly waiting: Waiting };
  /** When it must have its outcome, on the clock of `performance.now`. */
  deadlineMs: number;
}

interface Client<T> {
  readonly waiting: Waiting;
  inFlight: number;
  /** The latest deadline of those in flight and in line. */
  deadlineMs: number;
  readonly line: T[];
  /** Refusals owed to it behind those in line; all alike, so that however much it floods, they take no room. */
  owed: { request: T; count: number } | undefined;
}

/** So many clients without a request are remembered: most ask again, and a `Map` whose keys come and go is slow to collect. */
const IDLE_CLIENTS = 1_024;

/** Refusals that go out before others have their turn: a flood may be owed any number. */
const REFUSALS_AT_ONCE = 64;

/** What comes of a client's turn. */
export interface Turns<T> {
  start(request: T): void;
  refuse(request: T): void;
  /** What this client has in flight must end by then, because a later request of it waits for that. */
  hurry(client: Waiting, deadlineMs: number): void;
}

/**
 * Keeps each client lock-step and in order, as a REP socket does, while clients do not wait for each other. A plain REQ
 * never has two requests under way; a DEALER may pipeline, and counts on its replies coming in order.
 */
export class Clients<T extends Turn> {
  readonly #clients = new Map<string, Client<T>>();
  /** How many of them have nothing under way. */
  #idle = 0;
  #limit: number;
  readonly #turns: Turns<T>;

  /** @param limit requests under way at once for one client; above 1 it tells its replies apart by itself */
  constructor(limit: number, turns: Turns<T>) {
    this.#limit = limit;
    this.#turns = turns;
  }

  /** Where it is raised, those in line may begin; where it is lowered, those in flight go on. */
  set limit(limit: number) {
    this.#limit = limit;
    for (const client of this.#clients.values()) this.#startInLine(client);
  }

  /** How many clients are known, those that have nothing under way included. */
  get size(): number {
    return this.#clients.size;
  }

  /** Requests of this client that have no outcome yet, refusals that are owed to it aside. */
  countOf(client: string): number {
    const known = this.#clients.get(client);
    return known === undefined ? 0 : known.inFlight + known.line.length;
  }

  /** Whether a refusal is owed to this client: what comes after it must not overtake it, and is refused too. */
  isOwedRefusal(client: string): boolean {
    return this.#clients.get(client)?.owed !== undefined;
  }

  /** What this client's requests are to enter the load with; `undefined` where none of it is known. */
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

  /** The request has its outcome: the turn of those in line. */
  done(request: T): void {
    const client = this.#clients.get(request.client);
    if (client === undefined) return;
    client.inFlight--;
    this.#startInLine(client);
    if (client.inFlight === 0) this.#payRefusals(client);
  }

  /** None where the limit has been lowered. */
  #startInLine(client: Client<T>): void {
    while (client.inFlight < this.#limit) {
      const next = client.line.shift();
      if (next === undefined) break;
      this.#start(client, next);
    }
  }

  /**
   * A request waits for those that its client has sent before. Where a reload has shortened the deadline, they have more time than
   * it has, and may not use it: its outcome would be late, and to send it before theirs would answer the wrong request.
   */
  #hurry(client: Client<T>, { deadlineMs }: T): void {
    if (deadlineMs < client.deadlineMs) {
      for (const one of client.line) one.deadlineMs = Math.min(one.deadlineMs, deadlineMs);
      this.#turns.hurry(client.waiting, deadlineMs);
    }
    client.deadlineMs = deadlineMs;
  }

  /** Until all are paid, the client is owed refusals, so that nothing of it overtakes them. */
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

/** Frames above the delimiter, by which the client can tell its replies apart: then order does not matter to it. */
function hasAddress(request: Request): boolean {
  return request.head.length > 2;
}
