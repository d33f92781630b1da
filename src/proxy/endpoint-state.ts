import type { Emit, EndpointStateKind } from './events.ts';
import { ENDED, HUNG_UP, HUNG_UP_ON_CURVE, NO_REPLY, UNREACHABLE, WAITING } from './trouble.ts';

/** Nothing is known of it but its address. */
const NOT_YET = 'not connected yet';
/** Each of these tells less than the one after it, and than whatever else was found out. */
const VAGUE: readonly string[] = [NOT_YET, UNREACHABLE, NO_REPLY, ENDED, WAITING, HUNG_UP, HUNG_UP_ON_CURVE];

/** What an endpoint is at the moment, and why; each change is told of. */
export class EndpointState {
  kind: EndpointStateKind = 'connecting';
  sinceMs = performance.now();
  /** What has brought it there. */
  #cause = NOT_YET;
  /** What the newest try to connect has come to, where that tells less than the cause. */
  #newest: string | undefined;
  /** Causes that were told of since it was up. */
  readonly #told = new Set<string>();
  /** The route's name, which a reload may change. */
  route: string;
  readonly #address: string;
  readonly #emit: Emit;

  constructor(route: string, address: string, emit: Emit) {
    this.route = route;
    this.#address = address;
    this.#emit = emit;
    this.#tell('new', 'in the set');
  }

  get why(): string {
    return this.#newest === undefined ? this.#cause : `${this.#cause}; now: ${this.#newest}`;
  }

  set why(why: string) {
    this.#cause = why;
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

  /** A try to connect has failed, or takes long. What tells less than the cause that is known does not hide it; each cause is told of once. */
  tried(why: string): void {
    if (exactness(why) < exactness(this.#cause)) {
      this.#newest = why;
      return;
    }
    this.why = why;
    if (this.#told.has(why)) return;
    // Of what fails in the handshake it need not be told that it takes long the next time.
    this.#told.add(why).add(WAITING);
    this.#tell(this.kind, why);
  }

  /** A try to connect has got as far as the handshake. */
  accepted(): void {
    if (this.kind === 'connecting' || this.kind === 'down')
      this.#newest = 'connected, waits for the ZMTP handshake';
  }

  #tell(from: EndpointStateKind | 'new', why: string): void {
    const { kind: to } = this;
    this.#emit({ kind: 'endpoint', route: this.route, endpoint: this.#address, from, to, why });
  }
}

function exactness(why: string): number {
  const rank = VAGUE.indexOf(why);
  return rank === -1 ? VAGUE.length : rank;
}
