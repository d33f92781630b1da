import type { Chance } from './chance.ts';
import type { AppSide, World } from './world.ts';

export interface Outcome {
  body: string;
  sentMs: number;
  tookMs: number;
  /** The content of the failure reply, if it is one. */
  failure: { code: string; executed: 'no' | 'maybe'; attempts: number } | undefined;
}

/** How an app sends requests. */
export interface AppHabits {
  /** Requests that it has in flight at once. */
  pipeline: number;
  /** The longest that it waits before its next request. */
  thinkMs: number;
  /** Whether it relies on the order of its replies. */
  isOrdered: boolean;
}

const DELIMITER = Buffer.alloc(0);

/**
 * An app that sends one request after the other and records what it gets. With `pipeline` 1 it is a REQ. Above that it is a
 * DEALER, which relies on the order of its replies, as a REP keeps it, or tells them apart by an id in front of the delimiter.
 */
export class VirtualApp implements AppSide {
  readonly id: string;
  readonly outcomes: Outcome[] = [];
  /** Replies that should not have come. */
  readonly wrong: string[] = [];
  readonly pending: { id: string; body: string; sentMs: number }[] = [];
  /** Messages that are not requests; they must have no effect. */
  malformed = 0;
  requests = 0;
  isStopped = false;
  readonly #world: World;
  readonly #chance: Chance;
  readonly #habits: AppHabits;
  readonly #largeBytes: number;

  /** @param largeBytes a size above the limit for requests; sent now and then */
  constructor(id: string, world: World, habits: AppHabits, largeBytes: number) {
    this.id = id;
    this.#world = world;
    this.#chance = world.chance;
    this.#habits = habits;
    this.#largeBytes = largeBytes;
    world.apps.set(id, this);
  }

  /** Sends one request. */
  ask(): void {
    if (this.isStopped || this.#world.listener === undefined) return;
    const body = `${this.id}.${this.requests++}.`.padEnd(this.#chance.is(0.01) ? this.#largeBytes : 20, 'x');
    // With frames in front of the delimiter a client can tell its replies apart, so refusals may come out of order.
    const { pipeline, isOrdered } = this.#habits;
    const hasId = !isOrdered || (pipeline === 1 && this.#chance.is(0.2));
    const id = hasId ? `id${this.requests}` : '';
    this.pending.push({ id, body, sentMs: this.#world.time.nowMs });
    const head = hasId ? [Buffer.from(id), DELIMITER] : [DELIMITER];
    this.#world.listener.arrived([Buffer.from(this.id), ...head, Buffer.from(body)]);
  }

  /** Sends requests until it is stopped. */
  start(): void {
    for (let i = 0; i < this.#habits.pipeline; i++) this.#askLater();
  }

  /** Sends a message that is not a request. */
  babble(): void {
    if (this.isStopped || this.#world.listener === undefined) return;
    this.malformed++;
    const frames = this.#chance.is(0.5) ? [Buffer.from('no delimiter')] : [DELIMITER];
    this.#world.listener.arrived([Buffer.from(this.id), ...frames]);
  }

  /** Closes its socket, whatever is still in flight. */
  leave(): void {
    this.isStopped = true;
    this.pending.length = 0;
    this.#world.apps.delete(this.id);
  }

  arrived(frames: Buffer[]): void {
    if (!this.#world.apps.has(this.id)) return;
    const id = frames.length > 2 ? String(frames[0]) : '';
    const index = this.pending.findIndex((one) => one.id === id);
    // An app that relies on the order takes the reply for its first pending request.
    const [asked] =
      index === -1 || (this.#habits.isOrdered && index > 0) ? [] : this.pending.splice(index, 1);
    const text = String(frames.at(-1));
    const isFramed = frames.at(-2)?.length === 0;
    if (asked === undefined || !isFramed) {
      this.wrong.push(`${this.id} got ${text.slice(0, 80)}, which is not a reply to any request`);
      return;
    }
    const failure = failureOf(text);
    if (failure === undefined && text !== asked.body)
      this.wrong.push(`${this.id} got ${text.slice(0, 30)} for ${asked.body.slice(0, 30)}`);
    this.outcomes.push({ ...asked, tookMs: this.#world.time.nowMs - asked.sentMs, failure });
    this.#askLater();
  }

  #askLater(): void {
    this.#world.time.after(this.#chance.between(0, this.#habits.thinkMs), () => this.ask());
  }
}

function failureOf(text: string): Outcome['failure'] {
  return text.startsWith('{"lazypirate"') ? JSON.parse(text).lazypirate : undefined;
}
