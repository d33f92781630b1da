import { bodyOf, envelopeOf } from '../../src/transport/message.ts';
import type { Chance } from './chance.ts';
import type { VirtualClient } from './virtual-transport.ts';
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
  /** How large its requests are. */
  bytes: readonly number[];
  /** Whether it relies on the order of its replies. */
  isOrdered: boolean;
}

interface Asked {
  id: string;
  body: string;
  sentMs: number;
  /** Whether the app takes a reply for the first of its pending requests that is in order. */
  isOrdered: boolean;
  /** Whether it asks again when this is answered. */
  goesOn: boolean;
}

/**
 * An app that sends one request after the other and records what it gets. With `pipeline` 1 it is a REQ. Above that it is a
 * DEALER, which relies on the order of its replies, as a REP keeps it, or tells them apart by an id in front of the delimiter.
 */
export class VirtualApp implements AppSide {
  readonly id: string;
  readonly outcomes: Outcome[] = [];
  /** Replies that should not have come. */
  readonly wrong: string[] = [];
  readonly pending: Asked[] = [];
  requests = 0;
  isStopped = false;
  isReading = true;
  readonly #world: World;
  readonly #chance: Chance;
  readonly #habits: AppHabits;
  readonly #largeBytes: number;
  readonly #client: VirtualClient | undefined;
  #hasLeft = false;

  /** @param largeBytes a size above the limit for requests; sent now and then */
  constructor(id: string, world: World, habits: AppHabits, largeBytes: number) {
    this.id = id;
    this.#world = world;
    this.#chance = world.chance;
    this.#habits = habits;
    this.#largeBytes = largeBytes;
    this.#client = world.listener?.join(this);
  }

  /** Sends one request. */
  ask(): void {
    // With frames in front of the delimiter a client can tell its replies apart, so refusals may come out of order.
    const { pipeline, isOrdered } = this.#habits;
    this.#send(!isOrdered || (pipeline === 1 && this.#chance.is(0.2)), isOrdered, true);
  }

  /** Sends many requests at once, and does not wait for their replies. */
  flood(count: number, isOrdered: boolean): void {
    for (let sent = 0; sent < count; sent++) this.#send(!isOrdered, isOrdered, false);
  }

  /** Reads its replies again. */
  read(): void {
    this.isReading = true;
    this.#client?.read();
  }

  #send(hasId: boolean, isOrdered: boolean, goesOn: boolean): void {
    if (this.isStopped) return;
    const bytes = this.#chance.is(0.01) ? this.#largeBytes : this.#chance.one(this.#habits.bytes);
    const body = `${this.id}.${this.requests++}.`.padEnd(bytes, 'x');
    const id = hasId ? `id${this.requests}` : '';
    this.pending.push({ id, body, sentMs: this.#world.time.nowMs, isOrdered, goesOn });
    const envelope = envelopeOf(hasId ? [Buffer.from(id)] : []);
    this.#client?.send({ envelope, body: bodyOf([Buffer.from(body)]) });
  }

  /** Sends requests until it is stopped. */
  start(): void {
    for (let i = 0; i < this.#habits.pipeline; i++) this.#askLater();
  }

  /** Sends a message that is not a request; it must have no effect. */
  babble(): void {
    if (!this.isStopped) this.#client?.send('malformed');
  }

  /** Closes its socket, whatever is still in flight. */
  leave(): void {
    if (!this.#hasLeft) this.#client?.send('end');
    this.dropped();
  }

  dropped(): void {
    this.isStopped = true;
    this.#hasLeft = true;
    this.pending.length = 0;
  }

  arrived(frames: Buffer[]): void {
    if (this.#hasLeft) return;
    const id = frames.length > 2 ? String(frames[0]) : '';
    const index = this.pending.findIndex((one) => one.id === id);
    const found = this.pending[index];
    const text = String(frames.at(-1));
    // An app that relies on the order takes the reply for its first pending request. Only a refusal with an id may overtake others.
    const mayOvertake = !found?.isOrdered || (id !== '' && failureOf(text)?.code === 'OVERLOADED');
    const isOutOfOrder = !mayOvertake && this.pending.findIndex((one) => one.isOrdered) < index;
    const asked = isOutOfOrder ? undefined : found;
    if (asked !== undefined) this.pending.splice(index, 1);
    const isFramed = frames.at(-2)?.length === 0;
    if (asked === undefined || !isFramed) {
      this.wrong.push(`${this.id} got ${text.slice(0, 80)}, which is not a reply to any request`);
      return;
    }
    const failure = failureOf(text);
    if (failure === undefined && text !== asked.body)
      this.wrong.push(`${this.id} got ${text.slice(0, 30)} for ${asked.body.slice(0, 30)}`);
    this.outcomes.push({ ...asked, tookMs: this.#world.time.nowMs - asked.sentMs, failure });
    if (asked.goesOn) this.#askLater();
  }

  #askLater(): void {
    this.#world.time.after(this.#chance.between(0, this.#habits.thinkMs), () => this.ask());
  }
}

function failureOf(text: string): Outcome['failure'] {
  return text.startsWith('{"lazypirate"') ? JSON.parse(text).lazypirate : undefined;
}
