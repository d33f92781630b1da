import type { Chance } from './chance.ts';
import type { AppSide, World } from './world.ts';

export interface Outcome {
  body: string;
  sentMs: number;
  tookMs: number;
  /** Of the failure reply, where it is one. */
  failure: { code: string; executed: 'no' | 'maybe'; attempts: number } | undefined;
}

/** How an app asks. */
export interface AppHabits {
  /** Requests that it has under way at once. */
  pipeline: number;
  /** Most that it waits before it asks again. */
  thinkMs: number;
  /** Whether it counts on the order of its replies. */
  isOrdered: boolean;
}

const DELIMITER = Buffer.alloc(0);

/**
 * An app that asks again and again, and notes what it gets. With `pipeline` 1 it is a REQ; above that a DEALER, which
 * counts on the order of its replies, as REP keeps it, or tells them apart by what it puts above the delimiter.
 */
export class VirtualApp implements AppSide {
  readonly id: string;
  readonly outcomes: Outcome[] = [];
  /** What should not have come. */
  readonly wrong: string[] = [];
  readonly pending: { id: string; body: string; sentMs: number }[] = [];
  /** Messages that are no request; nothing may come of them. */
  malformed = 0;
  requests = 0;
  isStopped = false;
  readonly #world: World;
  readonly #chance: Chance;
  readonly #habits: AppHabits;
  readonly #largeBytes: number;

  /** @param largeBytes more than a request may have; sent now and then */
  constructor(id: string, world: World, habits: AppHabits, largeBytes: number) {
    this.id = id;
    this.#world = world;
    this.#chance = world.chance;
    this.#habits = habits;
    this.#largeBytes = largeBytes;
    world.apps.set(id, this);
  }

  /** Asks once. */
  ask(): void {
    if (this.isStopped || this.#world.listener === undefined) return;
    const body = `${this.id}.${this.requests++}.`.padEnd(this.#chance.is(0.01) ? this.#largeBytes : 20, 'x');
    // With frames above the delimiter a client can tell its replies apart, and those that are refused come out of order.
    const { pipeline, isOrdered } = this.#habits;
    const hasId = !isOrdered || (pipeline === 1 && this.#chance.is(0.2));
    const id = hasId ? `id${this.requests}` : '';
    this.pending.push({ id, body, sentMs: this.#world.time.nowMs });
    const head = hasId ? [Buffer.from(id), DELIMITER] : [DELIMITER];
    this.#world.listener.arrived([Buffer.from(this.id), ...head, Buffer.from(body)]);
  }

  /** Keeps asking until it is stopped. */
  start(): void {
    for (let i = 0; i < this.#habits.pipeline; i++) this.#askLater();
  }

  /** Sends what is no request. */
  babble(): void {
    if (this.isStopped || this.#world.listener === undefined) return;
    this.malformed++;
    const frames = this.#chance.is(0.5) ? [Buffer.from('no delimiter')] : [DELIMITER];
    this.#world.listener.arrived([Buffer.from(this.id), ...frames]);
  }

  /** Its socket is gone, whatever it has asked. */
  leave(): void {
    this.isStopped = true;
    this.pending.length = 0;
    this.#world.apps.delete(this.id);
  }

  arrived(frames: Buffer[]): void {
    if (!this.#world.apps.has(this.id)) return;
    const id = frames.length > 2 ? String(frames[0]) : '';
    const index = this.pending.findIndex((one) => one.id === id);
    // Whoever counts on the order takes the first it waits for.
    const [asked] =
      index === -1 || (this.#habits.isOrdered && index > 0) ? [] : this.pending.splice(index, 1);
    const text = String(frames.at(-1));
    const isFramed = frames.at(-2)?.length === 0;
    if (asked === undefined || !isFramed) {
      this.wrong.push(`${this.id} got ${text.slice(0, 80)}, which is no reply to anything`);
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
