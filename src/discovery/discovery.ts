/** One address that can answer requests. */
export interface Discovered {
  /** `tcp://IP:PORT` or `ipc://PATH`, valid. */
  address: string;
  /** Identifies the process at the address, if known. If it changes, the endpoint starts afresh. */
  identity?: string;
  /** What people call it, if known: the pod, its node, and the zone of that. */
  pod?: string;
  node?: string;
  zone?: string;
}

/** `unreachable`: no answer. `forbidden`: no permission. `not_found`: it does not exist. `invalid`: the answer makes no sense. */
export type DiscoveryFailure = 'unreachable' | 'forbidden' | 'not_found' | 'invalid';

/** Receives the addresses. */
export interface DiscoveryOwner {
  /**
   * The whole current set, each address once. An empty set means that there are no endpoints.
   *
   * @param why the set is empty or may be partly out of date: one sentence for users, unchanged while the cause is the same
   */
  found(endpoints: readonly Discovered[], why?: string): void;
  /** The last set is still correct. */
  confirmed(): void;
  /** Discovery failed; the last set stays valid. */
  failed(reason: DiscoveryFailure, message: string): void;
}

/** Tells a route the addresses of its upstream, and every change, until it is stopped. */
export interface Discovery {
  /** Whether the set never changes, so that it cannot become out of date. */
  readonly isFixed: boolean;
  /** Runs until the signal aborts. Failures of the source go to the owner; it rejects only on a bug. */
  run(owner: DiscoveryOwner, signal: AbortSignal): Promise<void>;
}
