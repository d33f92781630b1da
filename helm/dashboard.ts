/*
 * The Grafana dashboard, as the JSON that Grafana imports. Each panel is a line of a table below; where it stands follows from
 * its place in it.
 */

type Json = Record<string, unknown>;

interface Panel {
  title: string;
  /** What to see in it, for whoever hovers over it. */
  description: string;
  /** Grafana's name of the unit. */
  unit: string;
  /** Queries by legend. */
  queries: Record<string, string>;
  isStacked?: boolean;
}

const WIDTH = 24;
const COLUMNS = 3;
const HEIGHT = 8;

/** Of the sidecars and routes that are chosen above. */
const ROUTE = 'namespace=~"$namespace", pod=~"$pod", route=~"$route"';
const POD = 'namespace=~"$namespace", pod=~"$pod"';

const rate = (metric: string, by: string, labels = '') =>
  `sum by (${by}) (rate(lazypirate_${metric}{${ROUTE}${labels && `, ${labels}`}}[$__rate_interval]))`;
const now = (metric: string, by = 'route') => `sum by (${by}) (lazypirate_${metric}{${ROUTE}})`;
const latency = (quantile: number) =>
  `histogram_quantile(${quantile}, ${rate('request_duration_seconds_bucket', 'le', 'outcome="ok"')})`;
const share = (part: string, whole: string) => `${part} / ${whole}`;
/** Metrics that every Node process has: those of sidecars only. */
const ofProcess = (metric: string) =>
  `${metric}{${POD}} * on (job, instance) group_left () lazypirate_build_info`;

const PANELS: readonly Panel[] = [
  {
    title: 'Requests',
    description: 'Requests settled a second, by what the app got.',
    unit: 'reqps',
    queries: { '{{outcome}}': `${rate('requests_total', 'outcome')} > 0` },
    isStacked: true,
  },
  {
    title: 'Failures by code',
    description: 'Failed requests a second. With "gone", the app had left before it could be told.',
    unit: 'reqps',
    queries: {
      '{{outcome}}': rate('requests_total', 'outcome', 'outcome!~"ok|client_gone"'),
      'gone: {{cause}}': rate('requests_total', 'cause', 'outcome="client_gone", cause!="ok"'),
    },
    isStacked: true,
  },
  {
    title: 'Failure ratio',
    description:
      'Share of the requests that failed. Replies that came after the app had left count neither way.',
    unit: 'percentunit',
    queries: {
      '{{route}}': share(
        rate('requests_total', 'route', 'outcome!="ok", cause!="ok"'),
        rate('requests_total', 'route', 'cause!="ok"'),
      ),
    },
  },
  {
    title: 'Time to a reply',
    description: 'Of requests that got one, all waiting and retries included.',
    unit: 's',
    queries: { p50: latency(0.5), p95: latency(0.95), p99: latency(0.99) },
  },
  {
    title: 'Time of an attempt',
    description: 'From a send to its reply: what the upstream takes. Attempts that failed are left out.',
    unit: 's',
    queries: {
      p50: `histogram_quantile(0.5, ${rate('attempt_duration_seconds_bucket', 'le', 'result="ok"')})`,
      p99: `histogram_quantile(0.99, ${rate('attempt_duration_seconds_bucket', 'le', 'result="ok"')})`,
    },
  },
  {
    title: 'Attempts by result',
    description: 'Sends a second, by what came of them.',
    unit: 'ops',
    queries: { '{{result}}': rate('attempts_total', 'result') },
    isStacked: true,
  },
  {
    title: 'Share of failed attempts',
    description: 'Attempts without a reply in time, retried or not.',
    unit: 'percentunit',
    queries: {
      '{{route}}': share(
        rate('attempts_total', 'route', 'result!~"ok|cancelled"'),
        rate('attempts_total', 'route', 'result!="cancelled"'),
      ),
    },
  },
  {
    title: 'Apps that left',
    description:
      'Requests a second whose app had left, by what it would have got. Its own timeout may be shorter than the deadline.',
    unit: 'reqps',
    queries: { '{{cause}}': rate('requests_total', 'cause', 'outcome="client_gone"') },
    isStacked: true,
  },
  {
    title: 'Unaccounted requests',
    description:
      'Requests received that are neither settled nor in flight nor queued. Anything but 0 is a bug.',
    unit: 'short',
    queries: {
      '{{route}}': ['requests_received_total', 'requests_total', 'in_flight_requests', 'queued_requests']
        .map((metric) => now(metric))
        .join(' - '),
    },
  },
  {
    title: 'Retries',
    description: 'Attempts after the first, by why the one before failed, and retries that were not allowed.',
    unit: 'ops',
    queries: {
      '{{reason}}': rate('retries_total', 'reason'),
      'denied: {{reason}}': rate('retries_denied_total', 'reason'),
    },
  },
  {
    title: 'Resets',
    description: 'Connections closed and replaced, by why.',
    unit: 'ops',
    queries: { '{{reason}}': rate('resets_total', 'reason') },
  },
  {
    title: 'Late replies',
    description: 'Replies after the timeout of their attempt. Many mean that the timeout is too short.',
    unit: 'ops',
    queries: { '{{fate}}': rate('late_replies_total', 'fate') },
  },
  {
    title: 'In flight and queue',
    description: 'Requests that were sent and not settled, and those that wait to be sent.',
    unit: 'short',
    queries: {
      'in flight: {{route}}': now('in_flight_requests'),
      'queued: {{route}}': now('queued_requests'),
    },
  },
  {
    title: 'Queued bytes',
    description: 'Body bytes of the requests that wait to be sent.',
    unit: 'bytes',
    queries: { '{{route}}': now('queued_bytes') },
  },
  {
    title: 'Traffic',
    description: 'Body bytes a second of requests and replies.',
    unit: 'Bps',
    queries: {
      'requests: {{route}}': rate('request_bytes_total', 'route'),
      'replies: {{route}}': rate('reply_bytes_total', 'route'),
    },
  },
  {
    title: 'Endpoints by state',
    description: 'As all sidecars together see them.',
    unit: 'short',
    queries: { '{{state}}': now('endpoints', 'state') },
    isStacked: true,
  },
  {
    title: 'Age of the endpoints',
    description: 'Since the set was last known to be right. Routes with fixed endpoints are not shown.',
    unit: 's',
    queries: {
      '{{route}}': `max by (route) (time() - (lazypirate_discovery_last_sync_timestamp_seconds{${ROUTE}} > 0))`,
    },
  },
  {
    title: 'Discovery failures and ejections',
    description: 'Failures to learn the endpoints, and endpoints that were left out for a while.',
    unit: 'ops',
    queries: {
      'discovery: {{reason}}': rate('discovery_errors_total', 'reason'),
      'ejected: {{route}}': rate('ejections_total', 'route'),
    },
  },
  {
    title: 'CPU',
    description: 'Cores that each sidecar uses.',
    unit: 'short',
    queries: {
      '{{pod}}': `rate(process_cpu_seconds_total{${POD}}[$__rate_interval]) * on (job, instance) group_left () lazypirate_build_info`,
    },
  },
  {
    title: 'Memory',
    description: 'Resident memory of each sidecar.',
    unit: 'bytes',
    queries: { '{{pod}}': ofProcess('process_resident_memory_bytes') },
  },
  {
    title: 'Event loop lag',
    description: 'How late its event loop is, 99th percentile. Above 0.1 s it is short of CPU.',
    unit: 's',
    queries: { '{{pod}}': ofProcess('nodejs_eventloop_lag_p99_seconds') },
  },
  {
    title: 'File descriptors',
    description: 'Open file descriptors of each sidecar.',
    unit: 'short',
    queries: { '{{pod}}': ofProcess('process_open_fds') },
  },
  {
    title: 'Configuration',
    description: '1 where the configuration in force is the newest one, 0 after a refused change.',
    unit: 'short',
    queries: { '{{pod}}': `lazypirate_config_last_reload_successful{${POD}}` },
  },
  {
    title: 'Versions',
    description: 'Sidecars by version.',
    unit: 'short',
    queries: { '{{version}}': `count by (version) (lazypirate_build_info{${POD}})` },
  },
];

const SOURCE = { type: 'prometheus', uid: '$datasource' };

/** The dashboard. Its variables: datasource, namespace, pod, route. */
export function dashboard(): Json {
  return {
    uid: 'lazypirate',
    title: 'lazypirate',
    description: 'Reliable ZeroMQ request/reply: what the apps got, and what their sidecars did for it.',
    tags: ['lazypirate', 'zeromq'],
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    schemaVersion: 39,
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    templating: {
      list: [
        { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' },
        choice('namespace', 'Namespace', 'label_values(lazypirate_build_info, namespace)'),
        choice('pod', 'Pod', 'label_values(lazypirate_build_info{namespace=~"$namespace"}, pod)'),
        choice('route', 'Route', `label_values(lazypirate_in_flight_requests{${POD}}, route)`),
      ],
    },
    panels: PANELS.map(drawn),
  };
}

/** Every value together unless one is chosen; `.*` also holds for series without the label. */
function choice(name: string, label: string, query: string): Json {
  return {
    name,
    label,
    type: 'query',
    datasource: SOURCE,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { selected: true, text: ['All'], value: ['$__all'] },
  };
}

function drawn({ title, description, unit, queries, isStacked = false }: Panel, index: number): Json {
  const width = WIDTH / COLUMNS;
  return {
    id: index + 1,
    type: 'timeseries',
    title,
    description,
    datasource: SOURCE,
    gridPos: {
      x: (index % COLUMNS) * width,
      y: Math.floor(index / COLUMNS) * HEIGHT,
      w: width,
      h: HEIGHT,
    },
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        custom: { fillOpacity: isStacked ? 30 : 10, stacking: { mode: isStacked ? 'normal' : 'none' } },
      },
      overrides: [],
    },
    options: {
      legend: { displayMode: 'list', placement: 'bottom' },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
    targets: Object.entries(queries).map(([legendFormat, expr], at) => ({
      refId: String.fromCharCode(65 + at),
      datasource: SOURCE,
      expr,
      legendFormat,
    })),
  };
}
