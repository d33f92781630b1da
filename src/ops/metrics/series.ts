/**
 * Metrics that only increment a number when an event happens, because there are events for each request. prom-client hashes
 * and checks the labels each time, which took a tenth of the main thread's time. So it is updated only at each scrape.
 */

export type Labels = Record<string, string>;

/** A counter of prom-client. */
interface Family {
  inc(labels: Labels, count: number): void;
  remove(labels: Labels): void;
}

/** Counts for one series of a counter. */
export class Tally {
  readonly #family: Family;
  readonly #labels: Labels;
  /** All that were counted. */
  count = 0;
  #published = 0;

  constructor(family: Family, labels: Labels) {
    this.#family = family;
    this.#labels = labels;
    family.inc(labels, 0);
  }

  add(count = 1): void {
    this.count += count;
  }

  /** Passes the new counts to prom-client. */
  publish(): void {
    if (this.count > this.#published) this.#family.inc(this.#labels, this.count - this.#published);
    this.#published = this.count;
  }

  /** Takes the series away. */
  remove(): void {
    this.#family.remove(this.#labels);
  }
}

/** A trace that shows what a duration of its bucket is made of, as prom-client writes it down. */
interface Exemplar {
  labelSet: { trace_id: string; span_id: string };
  /** Seconds. */
  value: number;
  /** Unix time, in seconds. */
  timestamp: number;
}

/** Durations of one series of a histogram. */
export class Durations {
  readonly #bounds: readonly number[];
  /** Counts by the first bound that is not below the value; the last one is for values above all bounds. */
  readonly counts: number[];
  sum = 0;
  /** The newest of each bucket. Without tracing there are none. */
  exemplars: (Exemplar | undefined)[] | undefined;

  /** @param bounds in seconds, ascending */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(seconds: number): void {
    let index = 0;
    while (seconds > (this.#bounds[index] ?? Number.POSITIVE_INFINITY)) index++;
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    this.sum += seconds;
  }

  /** Shows a trace of one of the durations. */
  show(exemplar: Exemplar): void {
    const index = this.#bounds.findIndex((bound) => exemplar.value <= bound);
    this.exemplars ??= [];
    this.exemplars[index === -1 ? this.#bounds.length : index] = exemplar;
  }
}

/** A histogram of durations in seconds. It has what prom-client's registry needs of any metric: `name` and `get`. */
export class DurationHistogram {
  readonly name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  #series: { labels: Labels; durations: Durations }[] = [];

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.name = name;
    this.#help = help;
    this.#bounds = bounds;
  }

  /** Adds a series. Its labels must be new. */
  series(labels: Labels): Durations {
    const durations = new Durations(this.#bounds);
    this.#series.push({ labels, durations });
    return durations;
  }

  /** Takes away every series with this route. */
  remove({ route }: { route: string }): void {
    this.#series = this.#series.filter(({ labels }) => labels['route'] !== route);
  }

  get() {
    const values = this.#series.flatMap((one) => this.#valuesOf(one));
    return { name: this.name, help: this.#help, type: 'histogram', values, aggregator: 'sum' };
  }

  #valuesOf({ labels, durations }: { labels: Labels; durations: Durations }) {
    let below = 0;
    const buckets = durations.counts.map((count, index) => {
      below += count;
      const le = this.#bounds[index] ?? '+Inf';
      const exemplar = durations.exemplars?.[index];
      return { metricName: `${this.name}_bucket`, labels: { le, ...labels }, value: below, exemplar };
    });
    const sum = { metricName: `${this.name}_sum`, labels, value: durations.sum };
    return [...buckets, sum, { metricName: `${this.name}_count`, labels, value: below }];
  }
}

/** A record with something for each value of a label. */
export function byValue<V extends string, T>(values: readonly V[], make: (value: V) => T): Record<V, T> {
  return Object.fromEntries(values.map((value) => [value, make(value)])) as Record<V, T>;
}
