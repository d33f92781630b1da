import type { DiscoveryFailure } from '../discovery/discovery.ts';
import type { Refusal } from '../transport/transport.ts';
import type { FailureCode } from './failure.ts';

/**
 * The events of the data path. It does no logging or counting itself: it emits these events, and `ops/` turns them into metrics
 * and log lines. Listeners run on the hot path, so they must be quick and must not throw. Times are milliseconds of a monotonic
 * clock, sizes are bytes of body frames.
 */
export type ProxyEvent =
  | { kind: 'listening'; route: string; address: string }
  | { kind: 'received'; route: string; bytes: number }
  /** A reload has given the route this name. So many requests that came under the old one get their outcomes under this one. */
  | { kind: 'renamed'; route: string; unsettled: number }
  | { kind: 'malformed'; route: string }
  /** Something that connected to the listener was turned away. */
  | ({ kind: 'refusedClient'; route: string } & Refusal)
  /** The connection of a client was dropped, because it did not read its replies. */
  | { kind: 'droppedClient'; route: string }
  | { kind: 'attempt'; route: string; endpoint: string; result: AttemptResult; elapsedMs: number }
  | { kind: 'retry'; route: string; reason: RetryReason }
  | { kind: 'retryDenied'; route: string; reason: RetryDenial }
  | { kind: 'reset'; route: string; endpoint: string; reason: ResetReason }
  /** `correlate: auto`: a peer that calls itself REP did not echo the envelope, so the endpoint is spoken to plainly from now on. */
  | { kind: 'notEchoed'; route: string; endpoint: string }
  | { kind: 'lateReply'; route: string; endpoint: string; fate: 'salvaged' | 'discarded' }
  | { kind: 'internalError'; route: string; error: unknown }
  /** `cause` is the outcome that the app would have got if it had waited. If it did wait, the two are the same. */
  | { kind: 'settled'; route: string; outcome: Outcome; cause: Cause; request: SettledRequest }
  | DiscoveredSet
  /** `isFirst`: discovery has never succeeded yet. `isNew`: it did not fail before, or for another reason. */
  | {
      kind: 'discoveryFailed';
      route: string;
      reason: DiscoveryFailure;
      message: string;
      isFirst: boolean;
      isNew: boolean;
    }
  /** The new upstream of a reload is not connected yet, so the old one is still used. Emitted once. */
  | { kind: 'upstreamDelayed'; route: string; why: string }
  /** The new upstream of a reload has taken over, because it `isUsable` or because the old one no longer is. */
  | { kind: 'upstreamSwitched'; route: string; isUsable: boolean; wasDelayed: boolean }
  | {
      kind: 'endpoint';
      route: string;
      endpoint: string;
      from: EndpointStateKind | 'new';
      to: EndpointStateKind;
      why: string;
    };

/** The set of endpoints is known to be current. */
export interface DiscoveredSet {
  kind: 'discovered';
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

export type Emit = (event: ProxyEvent) => void;

/** Why an attempt got no reply. `unsent`: it was never handed to a live connection. */
export type AttemptFailure = 'unsent' | 'lost' | 'timeout' | 'protocol';

/** `hedge`: the previous attempt has not failed, but is slow. */
export type RetryReason = AttemptFailure | 'hedge';

/** `cancelled`: its request was settled in another way (salvage, deadline, drain) while it was still awaited. */
export type AttemptResult = 'ok' | AttemptFailure | 'cancelled';

export type RetryDenial = 'budget' | 'deadline' | 'policy';

/** Why a lane's connection was closed and replaced. `abandoned`: it still carried an attempt that nobody waits for. */
export type ResetReason = 'lost' | 'timeout' | 'protocol' | 'abandoned';

/** The result of a request: a reply, or the reason why there was none. */
export type Cause = 'ok' | Lowercase<FailureCode>;

/** What the app got. `client_gone`: it had closed its connection before there was an outcome to send. */
export type Outcome = Cause | 'client_gone';

/** What is known about a request when it is settled. */
export interface SettledRequest {
  attempts: number;
  /** The endpoint of the last attempt, if there was one. */
  endpoint: string | undefined;
  elapsedMs: number;
  /** `no` only if no attempt ever left this process. */
  executed: 'no' | 'maybe' | 'yes';
  requestBytes: number;
  replyBytes: number;
}

/**
 * `connecting`: not connected yet. `up`: connected. `down`: was connected before and is not now. `ejected`: failed too often, and
 * gets no requests while others are up. `terminating`: no longer in the set; its requests in flight are finishing. `gone`: they have
 * finished.
 */
export type EndpointStateKind = 'connecting' | 'up' | 'down' | 'ejected' | 'terminating' | 'gone';
