import type { DiscoveryFailure } from '../discovery/discovery.ts';
import type { Body } from '../transport/message.ts';
import type { Refusal } from '../transport/transport.ts';
import type { Cause, Executed, Failure, Outcome } from './outcome.ts';
import type { EndpointStateKind, TroubleKind } from './status.ts';

/** An endpoint as observers see it, with the names that discovery knows of it. The object does not change. */
export interface ObservedEndpoint {
  readonly address: string;
  readonly pod?: string;
  readonly node?: string;
  readonly zone?: string;
}

/** A request as observers see it. The object is live: later events show more of it. Sizes are bytes of body frames. */
export interface ObservedRequest {
  /** Counts the requests of its route from 1. */
  readonly number: number;
  /** `ROUTE.RUN.NUMBER`, made when it is asked for. It stays the same if the route is renamed. */
  readonly id: string;
  /** Where the app connected from: `IP:PORT`, or the address of an ipc listener. `undefined`: the transport cannot tell. */
  readonly from: string | undefined;
  /** The app's connection. */
  readonly client: { readonly hasLeft: boolean };
  /** The name of its route, which a reload may change. */
  readonly route: string;
  readonly bytes: number;
  /** Milliseconds of a monotonic clock, like all times here. */
  readonly arrivedMs: number;
  /** The trace that it belongs to, if its app has told one in the frame of the settings. */
  readonly traceParent?: TraceParent | undefined;
  /** In the order in which they were sent. */
  readonly attempts: readonly ObservedAttempt[];
  /**
   * What the request came to, whether or not its app was there to get it. If that ended it, how far it was: `timeout` had been sent and had no
   * reply. `undefined` until the request is settled, like the rest.
   */
  readonly cause: Cause | undefined;
  /** Why there was no reply. */
  readonly failure: Failure | undefined;
  /** What the app got. If it waited, the same as `cause`. */
  readonly outcome: Outcome | undefined;
  readonly elapsedMs: number;
  readonly executed: Executed;
  /** The size of the reply that the app got. */
  readonly replyBytes: number;
  /** Not to be shown unless the configuration says so, and not to be kept. Empty if the request was refused as it arrived. */
  readonly body?: Body;
  /** Of the upstream; the same holds for it. */
  readonly reply?: Body | undefined;
}

/** What a W3C `traceparent` says. */
export interface TraceParent {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** Of the span that the app has open; 16 hexadecimal digits. */
  readonly spanId: string;
  readonly isSampled: boolean;
}

/** One send of a request, as observers see it. */
export interface ObservedAttempt {
  readonly request: ObservedRequest;
  readonly endpoint: ObservedEndpoint;
  readonly sentMs: number;
  /** `undefined` while its reply is awaited. */
  readonly result: AttemptResult | undefined;
  /** It has certainly not left this process, and never will. */
  readonly isUnsent: boolean;
  /** When it had its result. */
  readonly endedMs: number;
}

/** The kinds of events, and what each tells. */
export interface ProxyEvents {
  listening: { route: string; address: string };
  /** A reload has given the route this name, under which its requests that are under way get their outcomes. */
  renamed: { route: string; was: string };
  /** A message was dropped that is no request. `address`: where its app connected from, if the transport can tell. */
  malformed: { route: string; address?: string | undefined };
  /** Something that connected to the listener was turned away. */
  refusedClient: { route: string } & Refusal;
  /** The connection of a client was dropped, because it did not read its replies. */
  droppedClient: { route: string; address?: string | undefined };
  received: ObservedRequest;
  sent: ObservedAttempt;
  /** An attempt has its result. */
  attempt: ObservedAttempt;
  /** Another attempt of the request starts. */
  retry: { request: ObservedRequest; reason: RetryReason };
  retryDenied: { request: ObservedRequest; reason: RetryDenial };
  settled: ObservedRequest;
  /** A reply came after the timeout of its attempt. `salvaged`: it answered its request, which is known only then. */
  lateReply: {
    route: string;
    endpoint: ObservedEndpoint;
    fate: 'salvaged' | 'discarded';
    request?: ObservedRequest;
  };
  internalError: { route: string; error: unknown };
  reset: { route: string; endpoint: ObservedEndpoint; reason: ResetReason };
  /** `correlate: auto`: a peer that calls itself REP did not echo the envelope, so the endpoint is spoken to plainly from now on. */
  notEchoed: { route: string; endpoint: ObservedEndpoint };
  endpoint: {
    route: string;
    endpoint: ObservedEndpoint;
    from: EndpointStateKind | 'new';
    to: EndpointStateKind;
    why: string;
    /** Undefined if it changed without any. */
    trouble?: TroubleKind | undefined;
  };
  /** The set of endpoints is known to be current. */
  discovered: DiscoveredSet;
  /** `isFirst`: discovery has never succeeded yet. `isNew`: it did not fail before, or for another reason. */
  discoveryFailed: {
    route: string;
    reason: DiscoveryFailure;
    message: string;
    isFirst: boolean;
    isNew: boolean;
  };
  /** The new upstream of a reload is not connected yet, so the old one is still used. Emitted once. */
  upstreamDelayed: { route: string; why: string };
  /** The new upstream of a reload has taken over, because it `isUsable` or because the old one no longer is. */
  upstreamSwitched: { route: string; isUsable: boolean; wasDelayed: boolean };
}

export type EventKind = keyof ProxyEvents;

interface DiscoveredSet {
  route: string;
  endpoints: number;
  /** Whether this is the first success. */
  isFirst: boolean;
  /** Whether discovery had succeeded before and then failed. */
  wasLost: boolean;
  /** Why the set is empty or may be partly out of date; and the same for the previous set. */
  why: string | undefined;
  wasWhy: string | undefined;
}

type Observers = { [K in EventKind]?: ((event: ProxyEvents[K]) => void)[] };

/**
 * The events of the data path. It does no logging or counting itself: observers do. They run on the hot path, so they must be quick.
 * A kind that nobody observes costs nothing.
 */
export class Events {
  readonly #observers: Observers = {};
  readonly #failed: (error: unknown, kind: EventKind) => void;

  /** @param failed called if an observer throws; the request goes on */
  constructor(failed: (error: unknown, kind: EventKind) => void) {
    this.#failed = failed;
  }

  /** @returns a function that ends it: this observer is told nothing more */
  on<K extends EventKind>(kind: K, observe: (event: ProxyEvents[K]) => void): () => void {
    const observers: ((event: ProxyEvents[K]) => void)[] = this.#observers[kind] ?? [];
    this.#observers[kind] = [...observers, observe] as Observers[K];
    return () => {
      const left = (this.#observers[kind] ?? []).filter((one) => one !== observe);
      this.#observers[kind] = (left.length === 0 ? undefined : left) as Observers[K];
    };
  }

  emit<K extends EventKind>(kind: K, event: ProxyEvents[K]): void {
    const observers: ((event: ProxyEvents[K]) => void)[] | undefined = this.#observers[kind];
    if (observers === undefined) return;
    for (const observe of observers) {
      try {
        observe(event);
      } catch (error) {
        this.#failed(error, kind);
      }
    }
  }
}

/** Why an attempt got no reply. `unsent`: it was never handed to a live connection. */
export type AttemptFailure = 'unsent' | 'lost' | 'timeout' | 'protocol';

/** `hedge`: the previous attempt has not failed, but is slow. */
export type RetryReason = AttemptFailure | 'hedge';

/** `cancelled`: its request was settled in another way (salvage, deadline, drain) while it was still awaited. */
export type AttemptResult = 'ok' | AttemptFailure | 'cancelled';

export type RetryDenial = 'budget' | 'deadline' | 'policy';

/** Why a lane's connection was closed and replaced. `abandoned`: it still carried an attempt that nobody waits for. */
export type ResetReason = 'lost' | 'timeout' | 'protocol' | 'abandoned';
