import type { Emit, EndpointStateKind } from './events.ts';

/** Nothing is known of it but its address. */
export const NOT_YET = 'not connected yet';

/** What an endpoint is at the moment, and why; each change is told of. */
export class EndpointState {
  kind: EndpointStateKind = 'connecting';
  sinceMs = performance.now();
  why = NOT_YET;
  readonly #route: string;
  readonly #address: string;
  readonly #emit: Emit;

  constructor(route: string, address: string, emit: Emit) {
    this.#route = route;
    this.#address = address;
    this.#emit = emit;
    this.#tell('new', 'in the set');
  }

  become(kind: EndpointStateKind, why: string): void {
    const from = this.kind;
    this.kind = kind;
    this.sinceMs = performance.now();
    this.why = why;
    this.#tell(from, why);
  }

  #tell(from: EndpointStateKind | 'new', why: string): void {
    const { kind: to } = this;
    this.#emit({ kind: 'endpoint', route: this.#route, endpoint: this.#address, from, to, why });
  }
}
