import type { DiscoveryTrouble, NoEndpoints } from '../../discovery/discovery.ts';
import type { Events } from '../events.ts';
import type { DiscoveryStatus } from '../status.ts';

/** `failed`: discovery has never succeeded. `lost`: it has succeeded before, but failed last time. */
type State =
  | { kind: 'starting' | 'live' }
  | { kind: 'failed' | 'lost'; trouble: DiscoveryTrouble; sinceMs: number };

/** What a route knows about its set of endpoints, and the events about it. */
export class DiscoveryState {
  /** The route's name, which a reload may change. */
  route: string;
  readonly #events: Events;
  /** The set never changes, so there are no events about it. */
  isFixed = false;
  #state: State = { kind: 'starting' };
  #syncedMs: number | undefined;
  /** What came with the newest set. */
  #setWhy: string | NoEndpoints | undefined;

  constructor(route: string, events: Events) {
    this.route = route;
    this.#events = events;
  }

  /** Why there is no endpoint, for the failure reply. */
  get whyNone(): string {
    const why = this.#why;
    return why === undefined ? 'no endpoint is known yet' : `no endpoint is known: ${why}`;
  }

  found(endpoints: number, why: string | NoEndpoints | undefined, nowMs: number): void {
    const was = this.#setWhy;
    this.#setWhy = why;
    this.#synced(endpoints, was, nowMs);
  }

  confirmed(endpoints: number, nowMs: number): void {
    this.#synced(endpoints, this.#setWhy, nowMs);
  }

  failed(trouble: DiscoveryTrouble, nowMs: number): void {
    const { reason, message } = trouble;
    const { kind } = this.#state;
    const isFirst = kind === 'starting' || kind === 'failed';
    const sinceMs = 'sinceMs' in this.#state ? this.#state.sinceMs : nowMs;
    const isNew = !('trouble' in this.#state) || this.#state.trouble.message !== message;
    this.#state = { kind: isFirst ? 'failed' : 'lost', trouble, sinceMs };
    this.#events.emit('discoveryFailed', { route: this.route, reason, message, isFirst, isNew });
  }

  status(nowMs: number): DiscoveryStatus {
    const { kind: state } = this.#state;
    const syncedMs = this.#syncedMs === undefined ? undefined : nowMs - this.#syncedMs;
    const empty = state === 'live' && typeof this.#setWhy === 'object' ? this.#setWhy : undefined;
    return { isFixed: this.isFixed, state, syncedMs, why: this.#why, empty, failure: this.#failure(nowMs) };
  }

  /** The reason of the last failure, or what came with the set that is current. */
  get #why(): string | undefined {
    if ('trouble' in this.#state) return this.#state.trouble.message;
    return this.#state.kind === 'live' ? inWords(this.#setWhy) : undefined;
  }

  #failure(nowMs: number): DiscoveryStatus['failure'] {
    if (!('trouble' in this.#state)) return undefined;
    const { reason, source, isRefused } = this.#state.trouble;
    return { reason, source, isRefused, sinceMs: nowMs - this.#state.sinceMs };
  }

  #synced(endpoints: number, was: string | NoEndpoints | undefined, nowMs: number): void {
    const { kind } = this.#state;
    const [why, wasWhy] = [inWords(this.#setWhy), inWords(was)];
    this.#state = { kind: 'live' };
    this.#syncedMs = nowMs;
    if (this.isFixed) return;
    const isFirst = kind === 'starting' || kind === 'failed';
    const wasLost = kind === 'lost';
    this.#events.emit('discovered', { route: this.route, endpoints, isFirst, wasLost, why, wasWhy });
  }
}

function inWords(why: string | NoEndpoints | undefined): string | undefined {
  return typeof why === 'object' ? why.words : why;
}
