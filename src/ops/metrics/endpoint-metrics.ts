import type { Metric, Registry } from 'prom-client';
import type { AttemptResult, Events, ObservedEndpoint } from '../../proxy/events.ts';
import type { EndpointStatus, RouteStatus } from '../../proxy/status.ts';
import { ATTEMPT_RESULTS } from './route-series.ts';
import { byValue, type Labels } from './series.ts';

type Counts = Record<AttemptResult, number>;

/** What a metric shows of one endpoint: labels beside those of the endpoint, and a number. */
type Read = (endpoint: EndpointStatus, counts: Counts) => readonly [labels: Labels, value: number][];

const NO_LABELS: Labels = {};
const one = (read: (endpoint: EndpointStatus) => number): Read => {
  return (endpoint) => [[NO_LABELS, read(endpoint)]];
};

const METRICS: readonly { name: string; type: 'counter' | 'gauge'; help: string; read: Read }[] = [
  {
    name: 'attempts_total',
    type: 'counter',
    help: 'Attempts at the endpoint that have ended.',
    read: (_, counts) => ATTEMPT_RESULTS.map((result) => [{ result }, counts[result]]),
  },
  {
    name: 'in_flight_attempts',
    type: 'gauge',
    help: 'Attempts that the endpoint has not answered yet, late ones included.',
    read: one(({ inFlight }) => inFlight),
  },
  {
    name: 'in_flight_limit',
    type: 'gauge',
    help: 'Attempts that it may have in flight. The limit adapts to what it can handle.',
    read: one(({ inFlightLimit }) => inFlightLimit),
  },
  {
    name: 'up',
    type: 'gauge',
    help: '1 while it is connected and not ejected.',
    read: one(({ state }) => Number(state === 'up')),
  },
  {
    name: 'ejected',
    type: 'gauge',
    help: '1 while it is left out because it kept failing.',
    read: one(({ state }) => Number(state === 'ejected')),
  },
  {
    name: 'latency_seconds',
    type: 'gauge',
    help: 'Moving average of its reply times. Absent before the first reply.',
    read: ({ latencyMs }) => (latencyMs === undefined ? [] : [[NO_LABELS, latencyMs / 1_000]]),
  },
];

interface Shown {
  labels: Labels;
  endpoint: EndpointStatus;
  counts: Counts;
}

/**
 * The metrics of each endpoint, for `metrics.perEndpoint`. Most are read from the status of the routes, so the series of an endpoint
 * are there as long as it is. Only attempts are counted as they end, and only after `start`.
 */
export class EndpointMetrics {
  events: Events | undefined;
  readonly #registry: Registry;
  readonly #counts = new Map<string, Counts>();
  /** Those of the route that the endpoint had last: there is an attempt for each request. */
  #known = new WeakMap<ObservedEndpoint, { route: string; counts: Counts }>();
  /** Endpoints that are gone: attempts that were lost with the last connection are told of after that. */
  readonly #gone = new WeakSet<ObservedEndpoint>();
  #leave: (() => void)[] | undefined;
  /** The endpoints of the current scrape. */
  #shown: Shown[] = [];

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  start(): void {
    const { events } = this;
    if (this.#leave !== undefined || events === undefined) return;
    this.#leave = [
      events.on('attempt', ({ request, endpoint, result = 'cancelled' }) => {
        const { route } = request;
        let known = this.#known.get(endpoint);
        if (known?.route !== route) {
          if (this.#gone.has(endpoint)) return;
          known = { route, counts: this.#countsOf(keyOf(route, endpoint)) };
          this.#known.set(endpoint, known);
        }
        known.counts[result]++;
      }),
      // There may never be a scrape.
      events.on('endpoint', ({ route, endpoint, to }) => {
        if (to !== 'gone') return;
        this.#gone.add(endpoint);
        this.#forget([keyOf(route, endpoint)]);
      }),
    ];
    for (const { name, read, ...metric } of METRICS) {
      const full = { ...metric, name: nameOf(name), aggregator: 'sum' };
      const get = () => ({ ...full, values: this.#valuesOf(read) });
      // The registry needs only `name` and `get` of a metric, but its type asks for more.
      this.#registry.registerMetric({ name: full.name, get } as unknown as Metric);
    }
  }

  stop(): void {
    for (const leave of this.#leave ?? []) leave();
    this.#leave = undefined;
    this.#shown = [];
    this.#forget([...this.#counts.keys()]);
    for (const { name } of METRICS) this.#registry.removeSingleMetric(nameOf(name));
  }

  /** Takes a snapshot for the scrape that follows, and forgets endpoints that are not in it. */
  read(routes: readonly RouteStatus[]): void {
    if (this.#leave === undefined) return;
    const shown = new Map<string, Shown>();
    for (const { settings, endpoints } of routes)
      for (const endpoint of endpoints) {
        const key = keyOf(settings.name, endpoint);
        const { address, pod, inFlight } = endpoint;
        const known = shown.get(key);
        // An earlier upstream, or a route of that name that leaves, has the same endpoint. The one that stays comes first.
        if (known !== undefined)
          known.endpoint = { ...known.endpoint, inFlight: known.endpoint.inFlight + inFlight };
        else {
          const labels = { route: settings.name, ...(pod !== undefined && { upstream_pod: pod }), address };
          shown.set(key, { labels, endpoint, counts: this.#countsOf(key) });
        }
      }
    this.#shown = [...shown.values()];
    this.#forget([...this.#counts.keys()].filter((key) => !shown.has(key)));
  }

  #forget(keys: readonly string[]): void {
    for (const key of keys) this.#counts.delete(key);
    if (keys.length > 0) this.#known = new WeakMap();
  }

  #countsOf(key: string): Counts {
    let counts = this.#counts.get(key);
    if (counts === undefined) {
      counts = byValue(ATTEMPT_RESULTS, () => 0);
      this.#counts.set(key, counts);
    }
    return counts;
  }

  #valuesOf(read: Read): { labels: Labels; value: number }[] {
    return this.#shown.flatMap(({ labels, endpoint, counts }) =>
      read(endpoint, counts).map(([more, value]) => ({ labels: { ...labels, ...more }, value })),
    );
  }
}

function nameOf(name: string): string {
  return `lazypirate_endpoint_${name}`;
}

/** What its series are told apart by. */
function keyOf(route: string, { address, pod = '' }: ObservedEndpoint): string {
  return `${route} ${address} ${pod}`;
}
