/** What `/metrics` has said at one moment. */
export class Exposition {
  readonly #lines: readonly string[];

  private constructor(text: string) {
    this.#lines = text.split('\n').filter((line) => !line.startsWith('#'));
  }

  /** @param admin `http://127.0.0.1:PORT` */
  static async of(admin: string): Promise<Exposition> {
    return new Exposition(await (await fetch(`${admin}/metrics`)).text());
  }

  /** Sum of the series of a metric whose labels match. */
  total(metric: string, labels = /(?:)/): number {
    const lines = this.#lines.filter((line) => /^[^{ ]+/.exec(line)?.[0] === metric && labels.test(line));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}
