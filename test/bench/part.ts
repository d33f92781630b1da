import type { Scope } from '../support/program.ts';

/** What a part of a benchmark has started: it ends with `end`, or with the whole at the latest. */
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
