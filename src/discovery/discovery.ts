/** One address that can answer requests. */
export interface Discovered {
  /** `tcp://IP:PORT` or `ipc://PATH`, valid. */
  address: string;
  /** What stands behind the address, where that is known: another one under the same address starts afresh. */
  identity?: string;
}

/** `unreachable`: no answer. `forbidden`: it would not tell us. `not_found`: it knows no such thing. `invalid`: it makes no sense. */
export type DiscoveryFailure = 'unreachable' | 'forbidden' | 'not_found' | 'invalid';

/** Who wants to know the addresses. */
export interface DiscoveryListener {
  /**
   * The whole set as it is now; each address once. An empty one is meant.
   *
   * @param why it is empty, or a part of it may be out of date: one sentence for people, the same as long as the cause is
   */
  found(endpoints: readonly Discovered[], why?: string): void;
  /** The set told last has been seen to be right still. */
  confirmed(): void;
  /** A try to learn the set has failed; the one told last stays good. */
  failed(reason: DiscoveryFailure, message: string): void;
}

/** Tells a route which addresses its upstream has, and keeps telling until it is stopped. */
export interface Discovery {
  /** Whether the set is told once and for all, so that it has no age. */
  readonly isFixed: boolean;
  /** Runs until the signal aborts. Whatever happens to the source of the set is told to the listener: it rejects for bugs only. */
  run(listener: DiscoveryListener, signal: AbortSignal): Promise<void>;
}
