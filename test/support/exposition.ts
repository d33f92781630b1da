/** The content of `/metrics` at one moment. */
export class Exposition {
  readonly #lines: readonly string[];

  constructor(text: string) {
    this.#lines = text.split('\n').filter((line) => !line.startsWith('#'));
  }

  /** @param admin `http://127.0.0.1:PORT` */
  static async of(admin: string): Promise<Exposition> {
    return new Exposition(await (await fetch(`${admin}/metrics`)).text());
  }

  /** Requests that were received and are neither settled nor in flight nor queued: 0, at any moment. */
  get unaccounted(): number {
    return this.unaccountedOf(/(?:)/);
  }

  /** Of the series whose labels match. */
  unaccountedOf(labels: RegExp): number {
    return (
      this.total('lazypirate_requests_received_total', labels) -
      this.total('lazypirate_requests_total', labels) -
      this.total('lazypirate_in_flight_requests', labels) -
      this.total('lazypirate_queued_requests', labels)
    );
  }

  /** Sum of the series of a metric whose labels match. */
  total(metric: string, labels = /(?:)/): number {
    const lines = this.#lines.filter((line) => /^[^{ ]+/.exec(line)?.[0] === metric && labels.test(line));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}
