import type { Endpoint } from './endpoint.ts';

/** Owns endpoints and sends them requests. */
export interface EndpointOwner {
  /** It may now have room for an attempt; `undefined`: perhaps another one can help who waits for it. */
  freed(endpoint?: Endpoint): void;
  /** It came up or went down. */
  turned(endpoint: Endpoint): void;
  /** Whether one more endpoint may be ejected. */
  mayEject(): boolean;
  /** It was ejected or returned. */
  ejectionTurned(endpoint: Endpoint): void;
  /** It was told to terminate, and its last lane is closed now. */
  gone(endpoint: Endpoint): void;
}
