import type { Emit, EndpointStateKind } from './events.ts';
import { ENDED, HUNG_UP, HUNG_UP_ON_CURVE, NO_REPLY, UNREACHABLE, WAITING } from './trouble.ts';

/** Only the address is known. */
const NOT_YET = 'not connected yet';
/** Vague causes, the vaguest first. Any other cause is more exact than these. */
const VAGUE: readonly string[] = [NOT_YET, UNREACHABLE, NO_REPLY, ENDED, WAITING, HUNG_UP, HUNG_UP_ON_CURVE];

/** The state of an endpoint, and why. Each change emits an event. */
export class EndpointState {
  kind: EndpointStateKind = 'connecting';
  sinceMs = performance.now();
  /** Why it is in this state. */
  #cause = NOT_YET;
  /** The result of the newest attempt to connect, if it is vaguer than the cause. */
  #newest: string | undefined;
  /** Causes that were reported since it was last up. */
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

  /** An attempt to connect has failed, or takes long. A vaguer cause does not hide the known one, and each cause is reported once. */
  tried(why: string): void {
    if (exactness(why) < exactness(this.#cause)) {
      this.#newest = why;
      return;
    }
    this.why = why;
    if (this.#told.has(why)) return;
    // After a failure in the handshake, it need not be reported that the next handshake takes long.
    this.#told.add(why).add(WAITING);
    this.#tell(this.kind, why);
  }

  /** An attempt to connect has reached the handshake. */
  accepted(): void {
    if (this.kind === 'connecting' || this.kind === 'down')
      this.#newest = 'connected, waiting for the ZMTP handshake';
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
