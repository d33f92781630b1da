import { wordsOf } from '../../transport/connection-end.ts';
import type { Events, ObservedEndpoint, ResetReason } from '../events.ts';
import type { EndpointStateKind, Trouble } from '../status.ts';
import { IN_HANDSHAKE, isVaguer, NEW, NO_HANDSHAKE, ofKnownServer } from './trouble.ts';

/** Peers choose some of the words. Those of one kind of trouble are reported in so many forms at most. */
const FORMS_MOST = 8;

/** What is said about an endpoint: its state, and why it is so, and what has happened there. Emits its events. */
export class EndpointReport {
  kind: EndpointStateKind = 'connecting';
  sinceMs = performance.now();
  /** The last event of its connections. */
  lastEvent = 'none';
  /** Why it is in this state: a trouble, or words for what is none. */
  #cause: Trouble | string = NEW;
  /** The result of the newest attempt to connect, if it is vaguer than the cause. */
  #newest: Trouble | undefined;
  /** It was up at some time. */
  #wasUp = false;
  /** Causes that were reported since it was last up, in words, and their kinds. */
  readonly #told = new Map<string, Trouble['kind'] | undefined>();
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
    const why = inWords(this.#cause);
    return this.#newest === undefined ? why : `${why}; now: ${wordsOf(this.#newest)}`;
  }

  set cause(cause: Trouble | string) {
    this.#cause = typeof cause === 'string' ? cause : this.#possible(cause);
    this.#newest = undefined;
  }

  status(nowMs: number) {
    const { endpoint, kind: state, why, lastEvent } = this;
    const sinceMs = nowMs - this.sinceMs;
    return { ...endpoint, state, sinceMs, why, trouble: this.#trouble, newest: this.#newest, lastEvent };
  }

  become(kind: EndpointStateKind, cause: Trouble | string): void {
    const from = this.kind;
    this.kind = kind;
    if (kind !== from) this.sinceMs = performance.now();
    if (kind === 'up') {
      this.#wasUp = true;
      this.#told.clear();
    }
    this.cause = cause;
    this.#told.set(this.why, this.#trouble?.kind);
    this.#tell(from, this.why);
  }

  /** An attempt to connect has failed, or takes long. A vaguer cause does not hide the known one, and each cause is reported once. */
  tried(trouble: Trouble): void {
    if (this.#trouble === undefined || isVaguer(trouble, this.#trouble)) {
      this.#newest = this.#possible(trouble);
      return;
    }
    this.cause = trouble;
    if (this.#wasTold(trouble)) return;
    // After a failure in the handshake, it need not be reported that the next handshake takes long.
    this.#told.set(this.why, trouble.kind).set(wordsOf(this.#possible(NO_HANDSHAKE)), NO_HANDSHAKE.kind);
    this.#tell(this.kind, this.why);
  }

  /** A connection has ended; `undefined`: we closed it on purpose. */
  closed(trouble: Trouble | undefined): void {
    this.lastEvent = trouble === undefined ? 'closed' : wordsOf(this.#possible(trouble));
  }

  /** An attempt to connect has reached the handshake. */
  accepted(): void {
    if (this.kind === 'connecting' || this.kind === 'down') this.#newest = IN_HANDSHAKE;
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
    const trouble = this.#trouble === NEW ? undefined : this.#trouble?.kind;
    this.#events.emit('endpoint', { route, endpoint, from, to, why, trouble });
  }

  /** Whether this cause was reported, or so many of its kind that nobody needs one more. */
  #wasTold({ kind }: Trouble): boolean {
    if (this.#told.has(this.why)) return true;
    return [...this.#told.values()].filter((one) => one === kind).length >= FORMS_MOST;
  }

  /** Without what it cannot be. */
  #possible(trouble: Trouble): Trouble {
    return this.#wasUp ? ofKnownServer(trouble) : trouble;
  }

  get #trouble(): Trouble | undefined {
    return typeof this.#cause === 'string' ? undefined : this.#cause;
  }
}

function inWords(cause: Trouble | string): string {
  return typeof cause === 'string' ? cause : wordsOf(cause);
}
