import type { Events } from '../events.ts';
import type { EndpointStateKind } from '../status.ts';
import { isVaguer, NEW, type Trouble, WAITING } from './trouble.ts';

/** What is said about the state of an endpoint, and why it is so. Each change emits an event. */
export class EndpointReport {
  kind: EndpointStateKind = 'connecting';
  sinceMs = performance.now();
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
  readonly #address: string;
  readonly #events: Events;

  constructor(route: string, address: string, events: Events) {
    this.route = route;
    this.#address = address;
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
    this.#told.add(why).add(WAITING.why);
    this.#tell(this.kind, why);
  }

  /** An attempt to connect has reached the handshake. */
  accepted(): void {
    if (this.kind === 'connecting' || this.kind === 'down')
      this.#newest = 'connected, waiting for the ZMTP handshake';
  }

  #tell(from: EndpointStateKind | 'new', why: string): void {
    const { kind: to } = this;
    this.#events.emit('endpoint', { route: this.route, endpoint: this.#address, from, to, why });
  }
}
