import type { DiscoveryFailure } from '../discovery/discovery.ts';
import type { FailureCode } from './failure.ts';

/**
 * What the data path tells the outside. It never logs and never counts by itself: it emits one of these, and `ops/`
 * makes metrics and log lines of them. Listeners run on the hot path: they must be quick and must not throw.
 * Times are milliseconds of a monotonic clock, sizes are bytes of body frames.
 */
export type ProxyEvent =
  | { kind: 'listening'; route: string; address: string }
  | { kind: 'received'; route: string; bytes: number }
  | { kind: 'malformed'; route: string }
  /** A client of a listener with CURVE was turned away; `key` is the public one that it showed. */
  | { kind: 'refusedClient'; route: string; key: string | undefined; address: string }
  | { kind: 'attempt'; route: string; endpoint: string; result: AttemptResult; elapsedMs: number }
  | { kind: 'retry'; route: string; reason: RetryReason }
  | { kind: 'retryDenied'; route: string; reason: RetryDenial }
  | { kind: 'reset'; route: string; endpoint: string; reason: ResetReason }
  | { kind: 'lateReply'; route: string; endpoint: string; fate: 'salvaged' | 'discarded' }
  | { kind: 'internalError'; route: string; error: unknown }
  /** `cause` is what the outcome would have been had the app waited for it: where it did, they are the same. */
  | { kind: 'settled'; route: string; outcome: Outcome; cause: Cause; request: SettledRequest }
  | DiscoveredSet
  /** `isFirst`: no try has succeeded yet. `isNew`: the try before had not failed, or not for this reason. */
  | {
      kind: 'discoveryFailed';
      route: string;
      reason: DiscoveryFailure;
      message: string;
      isFirst: boolean;
      isNew: boolean;
    }
  /** The upstream of a reload is not connected yet, while the old one serves on. Told once. */
  | { kind: 'upstreamDelayed'; route: string; why: string }
  /** The upstream of a reload has taken over: it `isUsable`, or the old one is not any more. */
  | { kind: 'upstreamSwitched'; route: string; isUsable: boolean; wasDelayed: boolean }
  | {
      kind: 'endpoint';
      route: string;
      endpoint: string;
      from: EndpointStateKind | 'new';
      to: EndpointStateKind;
      why: string;
    };

/** The set of endpoints is known as of now. */
export interface DiscoveredSet {
  kind: 'discovered';
  route: string;
  endpoints: number;
  /** For the first time. */
  isFirst: boolean;
  /** The last try to learn it had failed, and an earlier one had not. */
  wasLost: boolean;
  /** Why the set is empty, or may be out of date in part; and what was said of the one before. */
  why: string | undefined;
  wasWhy: string | undefined;
}

export type Emit = (event: ProxyEvent) => void;

/** Why an attempt brought no reply. `unsent`: never handed to a live connection. */
export type AttemptFailure = 'unsent' | 'lost' | 'timeout' | 'protocol';

/** `hedge`: the attempt before it has not failed, but is slow. */
export type RetryReason = AttemptFailure | 'hedge';

/** `cancelled`: its request was settled otherwise (salvage, deadline, drain) while it was still awaited. */
export type AttemptResult = 'ok' | AttemptFailure | 'cancelled';

export type RetryDenial = 'budget' | 'deadline' | 'policy';

/** Why a lane's socket was closed and replaced. `abandoned`: it still carried an attempt nobody waits for. */
export type ResetReason = 'lost' | 'timeout' | 'protocol' | 'abandoned';

/** What came of a request: a reply, or why there was none. */
export type Cause = 'ok' | Lowercase<FailureCode>;

/** What the app got. `client_gone`: its connection was closed before there was anything to send. */
export type Outcome = Cause | 'client_gone';

/** What is known of a request when it is settled. */
export interface SettledRequest {
  attempts: number;
  /** The endpoint of the last attempt, if there was one. */
  endpoint: string | undefined;
  elapsedMs: number;
  /** `no` only if no attempt was ever handed to a live connection. */
  executed: 'no' | 'maybe' | 'yes';
  requestBytes: number;
  replyBytes: number;
}

/**
 * `connecting`: never connected yet. `up`: a connection stands. `down`: it stood once and does not now. `ejected`: it has
 * failed too often, and gets nothing while others are up. `terminating`: it is not in the set any more; what is in flight there ends.
 * `gone`: that has ended.
 */
export type EndpointStateKind = 'connecting' | 'up' | 'down' | 'ejected' | 'terminating' | 'gone';
