import { now, ofProcess, POD, type Row, rate, series, some } from './panel.ts';

const BY_ENDPOINT = 'route, upstream_pod, address';
const ENDPOINT = '{{route}} {{upstream_pod}} {{address}}';
const OFF = 'Empty unless the configuration says `metrics.perEndpoint: true`.';

/** What it depends on: endpoints, discovery, and the process itself. */
export const UPSTREAM_ROWS: readonly Row[] = [
  {
    title: 'Endpoints',
    panels: [
      {
        title: 'Endpoints by state',
        description: 'As all sidecars together see them: an endpoint that two sidecars use counts twice.',
        without: 'no endpoints',
        unit: 'short',
        look: 'stacked',
        queries: { '{{state}}': some(now('endpoints', 'state')) },
      },
      {
        title: 'Adaptive limit',
        description:
          'Attempts that the endpoints which are up may have in flight together. It falls where endpoints time out, and rises again when they are quick. Requests beyond it wait in the queue.',
        unit: 'short',
        queries: {
          'limit: {{route}}': now('in_flight_limit'),
          'in flight: {{route}}': now('in_flight_requests'),
        },
      },
      {
        title: 'Ejections',
        description:
          'Endpoints that were left out for a while because they kept failing: how many are out now, and how often it happened, a minute.',
        unit: 'short',
        queries: {
          'out now: {{route}}': now('endpoints', 'route', 'state="ejected"'),
          'a minute: {{route}}': `60 * ${rate('ejections_total', 'route')}`,
        },
      },
    ],
  },
  {
    title: 'Endpoints one by one (metrics.perEndpoint)',
    isFolded: true,
    panels: [
      {
        title: 'Failed attempts',
        description: `Attempts a second that each endpoint failed: one endpoint, or all of them? ${OFF}`,
        unit: 'ops',
        queries: {
          [ENDPOINT]: rate('endpoint_attempts_total', BY_ENDPOINT, 'result!~"ok|cancelled"'),
        },
      },
      {
        title: 'Attempts',
        description: `Attempts a second that each endpoint got. ${OFF}`,
        unit: 'ops',
        queries: { [ENDPOINT]: rate('endpoint_attempts_total', BY_ENDPOINT) },
      },
      {
        title: 'Latency',
        description: `Moving average of the reply times of each endpoint, at the sidecar for which it is slowest. ${OFF}`,
        unit: 's',
        queries: { [ENDPOINT]: `max by (${BY_ENDPOINT}) (${series('endpoint_latency_seconds')})` },
      },
      {
        title: 'In flight',
        description: `Attempts that each endpoint has not answered yet, those that timed out included, and how many it may have. ${OFF}`,
        unit: 'short',
        queries: {
          [ENDPOINT]: now('endpoint_in_flight_attempts', BY_ENDPOINT),
          [`limit: ${ENDPOINT}`]: now('endpoint_in_flight_limit', BY_ENDPOINT),
        },
      },
      {
        title: 'Not connected',
        description: `Sidecars that have no connection to the endpoint. ${OFF}`,
        unit: 'short',
        queries: { [ENDPOINT]: `count by (${BY_ENDPOINT}) (${series('endpoint_up')} == 0)` },
      },
      {
        title: 'Ejected',
        description: `Sidecars that leave the endpoint out because it kept failing. ${OFF}`,
        unit: 'short',
        queries: { [ENDPOINT]: `count by (${BY_ENDPOINT}) (${series('endpoint_ejected')} == 1)` },
      },
    ],
  },
  {
    title: 'Discovery',
    panels: [
      {
        title: 'Age of the endpoints',
        description:
          'Since the set was last known to be right, at the sidecar where it is oldest. Up to 10 minutes is usual. Routes with fixed endpoints are not shown.',
        unit: 's',
        width: 12,
        queries: {
          '{{route}}': `max by (route) (time() - (${series('discovery_last_sync_timestamp_seconds')} > 0))`,
        },
      },
      {
        title: 'Discovery failures',
        description:
          'Failures to learn the endpoints, a second, by why. Requests go on to the endpoints that were known last.',
        without: 'no failures',
        unit: 'ops',
        width: 12,
        queries: { '{{reason}}': some(rate('discovery_errors_total', 'reason')) },
      },
    ],
  },
  {
    title: 'Process and configuration',
    panels: [
      {
        title: 'CPU',
        description:
          'Cores that each sidecar uses. It has one thread for everything: at 1 it is at its limit.',
        unit: 'short',
        queries: {
          '{{pod}}': `rate(process_cpu_seconds_total{${POD}}[$__rate_interval]) * on (job, instance) group_left () lazypirate_build_info`,
        },
      },
      {
        title: 'Memory',
        description: 'Resident memory of each sidecar. Compare it with the memory limit of the container.',
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
        description:
          'Open file descriptors of each sidecar. Each connection of an app or to an endpoint takes one.',
        unit: 'short',
        queries: { '{{pod}}': ofProcess('process_open_fds') },
      },
      {
        title: 'Newest configuration in force',
        description:
          'It is 1 where the configuration in force is the newest one, 0 after a refused change (LazypirateReloadFailed).',
        unit: 'short',
        queries: { '{{pod}}': `lazypirate_config_last_reload_successful{${POD}}` },
      },
      {
        title: 'Versions',
        description: 'Sidecars by version. During a rollout there are two.',
        unit: 'short',
        look: 'stacked',
        queries: { '{{version}}': `count by (version) (lazypirate_build_info{${POD}})` },
      },
    ],
  },
];
