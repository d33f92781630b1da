import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { stringify } from 'yaml';
import { App } from '../support/ask.ts';
import { Collector, type ReceivedSpan } from '../support/collector.ts';
import { startSidecar } from '../support/program.ts';
import { startPrometheus } from '../support/prometheus.ts';
import { scratch } from '../support/scratch.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { lacks } from '../support/tools.ts';
import { until } from '../support/until.ts';

const REQUESTS = 'lazypirate_request_duration_seconds_bucket';
const ATTEMPTS = 'lazypirate_attempt_duration_seconds_bucket';

/** A sidecar and an app. The upstream never answers what says `drop`. */
async function start(t: TestContext, tracing?: object) {
  const upstream = await ScriptedUpstream.start((body) => ({ do: body === 'drop' ? 'drop' : 'reply' }));
  t.after(() => upstream.close());
  const route = {
    name: 'orders',
    listen: 'tcp://127.0.0.1:0',
    upstream: { endpoints: [upstream.address] },
    timeout: '2s',
    attempts: 1,
  };
  const file = join(scratch(), 'config.yaml');
  const config = { ...(tracing && { tracing }), metrics: { perEndpoint: true }, routes: [route] };
  writeFileSync(file, stringify(config));
  const { address, admin, metric } = await startSidecar(t, ['--config', file]);
  const app = new App(address);
  t.after(() => app.close());
  const openMetrics = async () => {
    const scraped = await fetch(`${admin}/metrics`, { headers: { accept: 'application/openmetrics-text' } });
    return await scraped.text();
  };
  return { app, admin, metric, openMetrics };
}

/** The exemplars of the requests' durations: outcome and trace. */
function exemplarsIn(openMetrics: string): [outcome: string, traceId: string][] {
  const found = openMetrics.matchAll(
    /^lazypirate_request_duration_seconds_bucket\{[^}]*outcome="(\w+)"\} \d+ # \{trace_id="([0-9a-f]{32})",span_id="[0-9a-f]{16}"\} [\d.]+ [\d.]+$/gm,
  );
  return [...found].map(([, outcome = '', traceId = '']) => [outcome, traceId]);
}

const isRequest = ({ kind }: ReceivedSpan) => kind === 2;

test('a real Prometheus stores exemplars whose traces are at the collector', {
  skip: lacks('prometheus'),
}, async (t) => {
  const collector = await Collector.start(t);
  const { app, admin } = await start(t, { endpoint: collector.url });
  const { query, exemplars } = await startPrometheus(t, scratch(), admin.replace('http://', ''), {});
  await app.ask('hello');
  assert.equal((await app.ask('drop')).failure?.code, 'TIMEOUT');
  for (const [metric, kind, label, values] of [
    [REQUESTS, 2, 'outcome', ['ok', 'timeout']],
    [ATTEMPTS, 3, 'result', ['ok', 'timeout']],
  ] as const) {
    // As the dashboard asks.
    const found = async () => await exemplars(`histogram_quantile(0.99, sum by (le) (rate(${metric}[1m])))`);
    await until(`${metric} has exemplars`, async () => {
      const seen = (await found()).map(({ seriesLabels }) => seriesLabels[label] ?? '');
      return values.every((value) => seen.includes(value));
    });
    for (const { seriesLabels, exemplars: those } of await found())
      for (const { labels, value } of those) {
        const span = collector.spans.find(({ spanId }) => spanId === labels['span_id']);
        assert.ok(span, `${metric} ${labels['span_id']} is at the collector`);
        assert.deepEqual([span.traceId, span.kind], [labels['trace_id'], kind]);
        const { [`lazypirate.request.${label}`]: ofRequest, [`lazypirate.attempt.${label}`]: ofAttempt } =
          span.attributes;
        assert.equal(ofRequest ?? ofAttempt, seriesLabels[label]);
        assert.ok(Math.abs(Number(span.end - span.start) / 1e9 - Number(value)) < 0.001);
        assert.ok(Number(value) <= Number(seriesLabels['le']?.replace('+Inf', 'Infinity')));
      }
  }
  // It has understood every scrape, and knows the counters by the names that they have in the text format.
  const [up] = await query('min_over_time(up[1h])');
  assert.equal(up?.value[1], '1');
  const [received] = await query('lazypirate_requests_received_total{route="orders"}');
  assert.equal(received?.value[1], '2');
  const [attempts] = await query('sum(lazypirate_endpoint_attempts_total)');
  assert.equal(attempts?.value[1], '2');
});

test('only a request that is traced is an exemplar', async (t) => {
  const collector = await Collector.start(t);
  const { app, openMetrics } = await start(t, { endpoint: collector.url, sample: 0 });
  for (let i = 0; i < 20; i++) await app.ask('hello');
  await app.ask('drop');
  await until('there is one', async () => exemplarsIn(await openMetrics()).length > 0);
  const [failed] = collector.spans.filter(isRequest);
  assert.deepEqual(exemplarsIn(await openMetrics()), [['timeout', failed?.traceId]]);
});

test('a trace that the collector has not taken is never an exemplar', async (t) => {
  const collector = await Collector.start(t);
  const { app, metric, openMetrics } = await start(t, { endpoint: collector.url });
  const dropped = (reason: string) => metric(`lazypirate_spans_dropped_total{reason="${reason}"}`);
  collector.behaviour = { kind: 'answer', status: 400 };
  await app.ask('refused');
  await until('all are refused', async () => (await dropped('export_failed')) === 2);
  assert.deepEqual(exemplarsIn(await openMetrics()), []);
  collector.behaviour = { kind: 'reject' };
  await app.ask('one of its spans is refused');
  await until('one is refused', async () => (await dropped('rejected')) === 1);
  assert.deepEqual(exemplarsIn(await openMetrics()), []);
  collector.behaviour = { kind: 'take' };
  await app.ask('taken');
  await until('there is one', async () => exemplarsIn(await openMetrics()).length > 0);
  const [taken] = collector.spans.filter(isRequest);
  assert.deepEqual(exemplarsIn(await openMetrics()), [['ok', taken?.traceId]]);
});

test('the text format never has exemplars, and without tracing neither has OpenMetrics', async (t) => {
  const collector = await Collector.start(t);
  const [traced, untraced] = [await start(t, { endpoint: collector.url }), await start(t)];
  for (const { app } of [traced, untraced]) await app.ask('hello');
  await until('there is one', async () => (await traced.openMetrics()).includes('trace_id'));
  assert.doesNotMatch(await (await fetch(`${traced.admin}/metrics`)).text(), /trace_id| # /);
  assert.doesNotMatch(await untraced.openMetrics(), /trace_id| # /);
});
