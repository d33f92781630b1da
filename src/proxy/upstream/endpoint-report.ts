import type { Events, ObservedEndpoint, ResetReason } from '../events.ts';
import type { EndpointStateKind } from '../status.ts';
import { isVaguer, NEW, NO_HANDSHAKE, type Trouble } from './trouble.ts';

/** What is said about an endpoint: its state, and why it is so, and what has happened there. Emits its events. */
export class EndpointReport {
  kind: EndpointStateKind = 'connecting';
  sinceMs = performance.now();
  /** The last event of its connections. */
  lastEvent = 'none';
  /** Why it is in this state. */
  #why = NEW.why;
  /** What made it so; `undefined` if it is not trouble with a connection. */
  #trouble: Trouble | undefined = NEW;
  /** The result of the newest attempt to connect, if it is vaguer than the cause. */
  #newest: string | undefined;
  /** Causes that were reported since it was last up. */
  readonly #told = new Set<string>();
  /** The route's name, which a reload may change. */
  route: string;
  /** With the names that discovery knows of it now. */
  endpoint: ObservedEndpoint;
  readonly #events: Events;

  constructor(route: string, endpoint: ObservedEndpoint, events: Events) {
    this.route = route;
    this.endpoint = endpoint;
    this.#events = events;
    this.#tell('new', 'in the set');
  }

  get why(): string {
    return this.#newest === undefined ? this.#why : `${this.#why}; now: ${this.#newest}`;
  }

  set why(why: string) {
    this.#why = why;
    this.#trouble = undefined;
    this.#newest = undefined;
  }

  status(nowMs: number) {
    const { endpoint, kind: state, sinceMs, why, lastEvent } = this;
    return { ...endpoint, state, sinceMs: nowMs - sinceMs, why, lastEvent };
  }

  become(kind: EndpointStateKind, why: string): void {
    const from = this.kind;
    this.kind = kind;
    if (kind !== from) this.sinceMs = performance.now();
    if (kind === 'up') this.#told.clear();
    this.#told.add(why);
    this.why = why;
    this.#tell(from, why);
  }

  /** It was up, and its last connection has failed. */
  fell(trouble: Trouble): void {
    this.become('down', trouble.why);
    this.#trouble = trouble;
  }

  /** An attempt to connect has failed, or takes long. A vaguer cause does not hide the known one, and each cause is reported once. */
  tried(trouble: Trouble): void {
    const { why } = trouble;
    if (this.#trouble === undefined || isVaguer(trouble, this.#trouble)) {
      this.#newest = why;
      return;
    }
    this.why = why;
    this.#trouble = trouble;
    if (this.#told.has(why)) return;
    // After a failure in the handshake, it need not be reported that the next handshake takes long.
    this.#told.add(why).add(NO_HANDSHAKE.why);
    this.#tell(this.kind, why);
  }

  /** An attempt to connect has reached the handshake. */
  accepted(): void {
    if (this.kind === 'connecting' || this.kind === 'down')
      this.#newest = 'TCP connects, waiting for the ZMTP handshake';
  }

  reset(reason: ResetReason): void {
    const { route, endpoint } = this;
    this.#events.emit('reset', { route, endpoint, reason });
  }

  notEchoed(): void {
    const { route, endpoint } = this;
    this.#events.emit('notEchoed', { route, endpoint });
  }

  /** A reply came too late for its request. */
  discarded(): void {
    const { route, endpoint } = this;
    this.#events.emit('lateReply', { route, endpoint, fate: 'discarded' });
  }

  #tell(from: EndpointStateKind | 'new', why: string): void {
    const { route, endpoint, kind: to } = this;
    this.#events.emit('endpoint', { route, endpoint, from, to, why });
  }
}
