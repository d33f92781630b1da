import type { Scope } from '../support/program.ts';

/** The scope of one part of a benchmark. It ends with `end`, or at the latest with the whole benchmark. */
export class Part implements Scope {
  readonly #ends: (() => unknown)[] = [];

  constructor(whole?: Scope) {
    whole?.after(() => this.end());
  }

  after(end: () => unknown): void {
    this.#ends.push(end);
  }

  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
  }
}
