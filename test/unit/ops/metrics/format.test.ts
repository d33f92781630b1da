import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFor } from '../../../../src/ops/metrics/format.ts';
import { createMetrics } from '../../../../src/ops/metrics/metrics.ts';
import { Events } from '../../../../src/proxy/events.ts';
import { emitRecorded } from '../../../support/recorded-events.ts';
import { endpointStatus, routeStatus } from '../statuses.ts';

const PROTOBUF = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited';

for (const [who, accept, format] of [
  [
    'Prometheus 2.42',
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    'openMetrics',
  ],
  [
    'Prometheus 3',
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
    'openMetrics',
  ],
  [
    'Prometheus with native histograms',
    `${PROTOBUF};q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2`,
    'openMetrics',
  ],
  [
    'Prometheus that prefers the text format (scrape_protocols)',
    'text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.4',
    'prometheus',
  ],
  [
    'Prometheus that knows only a draft of OpenMetrics',
    'application/openmetrics-text;version=0.0.1;q=0.6,*/*;q=0.5',
    'prometheus',
  ],
  ['an older Prometheus', 'text/plain;version=0.0.4;q=1,*/*;q=0.1', 'prometheus'],
  ['curl', '*/*', 'prometheus'],
  ['a browser', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'prometheus'],
  ['nobody in particular', '', 'prometheus'],
  ['somebody who asks by name', 'Application/OpenMetrics-Text; Version="1.0.0" , */*', 'openMetrics'],
  ['somebody who takes any text, and that more', 'application/openmetrics-text;q=0.2, text/*', 'prometheus'],
  ['somebody who refuses it', 'application/openmetrics-text;q=0, */*;q=0.1', 'prometheus'],
  ['somebody who writes nonsense', 'application/openmetrics-text;q=much;;=,,', 'prometheus'],
] as const)
  test(`${who} gets the format that its Accept header prefers`, () =>
    assert.equal(formatFor(accept), format));

/** The metrics of a sidecar with some traffic, and everything that can be switched on. */
function busyMetrics() {
  const endpoints = [endpointStatus({ address: 'tcp://10.1.2.3:7000', pod: 'orders-1', latencyMs: 3 })];
  const metrics = createMetrics({
    routes: () => [routeStatus('orders', { endpoints })],
    configHash: () => '0123456789ab',
    version: '1.2.3',
    nodeVersion: '26.0.0',
    zeromqVersion: '4.3.5',
  });
  const events = new Events((error) => {
    throw error;
  });
  metrics.observe(events);
  metrics.showEndpoints(true);
  emitRecorded(events, { kind: 'received', route: 'orders', bytes: 42 });
  emitRecorded(events, {
    kind: 'attempt',
    route: 'orders',
    endpoint: 'tcp://10.1.2.3:7000',
    result: 'ok',
    elapsedMs: 12,
  });
  return metrics;
}

test('a trace is an exemplar of the bucket of its duration, the newest one, and only of a route that is there', async () => {
  const metrics = busyMetrics();
  await metrics.text();
  const of = (seconds: number, traceId: string, route = 'orders') =>
    ({ route, seconds, traceId, spanId: `of ${traceId}`, endedAtMs: 1_795_819_199_250 }) as const;
  metrics.showTrace({ kind: 'request', outcome: 'ok', ...of(0.2, 'old') });
  metrics.showTrace({ kind: 'request', outcome: 'ok', ...of(0.25, 'new') });
  metrics.showTrace({ kind: 'request', outcome: 'client_gone', ...of(70, 'slow') });
  metrics.showTrace({ kind: 'attempt', result: 'lost', ...of(0.0001, 'attempt') });
  metrics.showTrace({ kind: 'attempt', result: 'lost', ...of(0.0001, 'gone', 'users') });
  const before = seriesOf(await metrics.text());
  const open = await metrics.text('openMetrics');
  const at = (labels: string, traceId: string, value: number) =>
    `${labels} 0 # {trace_id="${traceId}",span_id="of ${traceId}"} ${value} 1795819199.25`;
  assert.deepEqual(
    lines(open).filter((line) => line.includes('trace_id')),
    [
      at('lazypirate_request_duration_seconds_bucket{le="0.25",route="orders",outcome="ok"}', 'new', 0.25),
      at(
        'lazypirate_request_duration_seconds_bucket{le="+Inf",route="orders",outcome="client_gone"}',
        'slow',
        70,
      ),
      at(
        'lazypirate_attempt_duration_seconds_bucket{le="0.00025",route="orders",result="lost"}',
        'attempt',
        0.0001,
      ),
    ],
  );
  assert.deepEqual(seriesOf(open.replaceAll(/ # \{.*$/gm, '')), before);
});

const isComment = (line: string) => line.startsWith('#');
const lines = (text: string) => text.split('\n').filter((line) => line !== '');
/** Without their values, because those of the process change. */
const seriesOf = (text: string) =>
  lines(text)
    .filter((line) => !isComment(line))
    .map((line) => line.slice(0, line.lastIndexOf(' ')));

test('the series are the same in both formats', async () => {
  const metrics = busyMetrics();
  const [text, open] = [await metrics.text(), await metrics.text('openMetrics')];
  assert.deepEqual(seriesOf(open), seriesOf(text));
  assert.ok(seriesOf(open).length > 300);
  const own = (all: string) => lines(all).filter((line) => line.startsWith('lazypirate_'));
  assert.deepEqual(own(open), own(text));
});

test('in OpenMetrics a counter is told without _total, its series with it, and the end is marked', async () => {
  const open = await busyMetrics().text('openMetrics');
  const types = new Map(
    [...open.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]),
  );
  for (const series of seriesOf(open)) {
    const [name = ''] = /^\w+/.exec(series) ?? [];
    const family = name.replace(/_(total|bucket|sum|count)$/, '');
    if (types.get(family) === 'counter') assert.equal(name, `${family}_total`);
    else if (types.get(family) === 'histogram') assert.match(name, /_(bucket|sum|count)$/);
    else assert.equal(types.get(name), 'gauge', name);
  }
  for (const counter of ['lazypirate_requests', 'lazypirate_endpoint_attempts', 'process_cpu_seconds'])
    assert.equal(types.get(counter), 'counter');
  assert.equal(open.split('# EOF').length, 2);
  assert.ok(open.endsWith('\n# EOF\n'));
  assert.doesNotMatch(open, /\n\n/);
});

test('scrapes in both formats at the same time each get their own, and the text format stays what it was', async () => {
  const metrics = busyMetrics();
  const before = await metrics.text();
  const answers = await Promise.all(
    (['openMetrics', 'prometheus', 'openMetrics', 'prometheus'] as const).map((format) =>
      metrics.text(format),
    ),
  );
  for (const [index, answer] of answers.entries()) {
    assert.equal(answer.endsWith('# EOF\n'), index % 2 === 0);
    assert.deepEqual(seriesOf(answer), seriesOf(before));
    if (index % 2 === 1) assert.deepEqual(lines(answer).filter(isComment), lines(before).filter(isComment));
  }
  assert.match(before, /^# TYPE lazypirate_requests_total counter$/m);
});
