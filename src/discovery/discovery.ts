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

/** Why nobody could tell the endpoints. */
export interface DiscoveryTrouble {
  reason: DiscoveryFailure;
  /** Who could not. `kubeconfig`: nobody was asked, because it is not known whom, or how. */
  source: 'api_server' | 'name_server' | 'kubeconfig';
  /** The connection was refused: the machine answers, and nobody listens there. */
  isRefused: boolean;
  /** For users. */
  message: string;
}

/**
 * Why Kubernetes knows no endpoint. `no_slices`: nor the Service, as it seems. `no_port`: there is none of that name. `no_pods`: nothing
 * is selected. `none_ready`: no pod that is.
 */
export interface NoEndpoints {
  kind: 'no_slices' | 'no_port' | 'no_pods' | 'none_ready';
  /** A sentence for users, unchanged while the cause is the same. */
  words: string;
  of: Selected;
  port: string | number;
  /** The names of the ports that there are. */
  portNames: readonly string[];
}

/** What Kubernetes is asked for: a Service by its name, or pods by a selector. */
export interface Selected {
  kind: 'service' | 'pods';
  name: string;
  namespace: string;
}

/** Receives the addresses. */
export interface DiscoveryOwner {
  /**
   * The whole current set, each address once. An empty set means that there are no endpoints.
   *
   * @param why the set is empty or may be partly out of date: as a sentence for users, unchanged while the cause is the same
   */
  found(endpoints: readonly Discovered[], why?: string | NoEndpoints): void;
  /** The last set is still correct. */
  confirmed(): void;
  /** Discovery failed; the last set stays valid. */
  failed(trouble: DiscoveryTrouble): void;
}

/** Tells a route the addresses of its upstream, and every change, until it is stopped. */
export interface Discovery {
  /** Whether the set never changes, so that it cannot become out of date. */
  readonly isFixed: boolean;
  /** Runs until the signal aborts. Failures of the source go to the owner; it rejects only on a bug. */
  run(owner: DiscoveryOwner, signal: AbortSignal): Promise<void>;
}
