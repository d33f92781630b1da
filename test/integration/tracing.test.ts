import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { stringify } from 'yaml';
import { App, ask } from '../support/ask.ts';
import { Collector, type ReceivedSpan } from '../support/collector.ts';
import { type ProgramOptions, type RunningSidecar, startServe, startSidecar } from '../support/program.ts';
import { startRoute } from '../support/route.ts';
import { scratch } from '../support/scratch.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const SAMPLED = `00-${TRACE}-${SPAN}-01`;
const UNSAMPLED = `00-${TRACE}-${SPAN}-00`;
const DROPPED = (reason: string) => `lazypirate_spans_dropped_total{reason="${reason}"}`;
const EXPORTED = 'lazypirate_spans_exported_total';

interface Settings {
  tracing?: object;
  route?: object;
  drain?: object;
  log?: object;
}

function yamlOf(upstream: string, { tracing, route, drain, log }: Settings): string {
  const one = { name: 'orders', listen: 'tcp://127.0.0.1:0', upstream: { endpoints: [upstream] }, ...route };
  return stringify({
    ...(tracing && { tracing }),
    ...(drain && { drain }),
    ...(log && { log }),
    routes: [one],
  });
}

async function start(
  t: TestContext,
  upstream: string,
  settings: Settings,
  options?: ProgramOptions,
): Promise<RunningSidecar & { file: string }> {
  const file = join(scratch(), 'config.yaml');
  writeFileSync(file, yamlOf(upstream, settings));
  return { ...(await startSidecar(t, ['--config', file], options)), file };
}

async function scripted(t: TestContext, ...steps: Parameters<typeof ScriptedUpstream.start>) {
  const upstream = await ScriptedUpstream.start(...steps);
  t.after(() => upstream.close());
  return upstream;
}

const isRequest = ({ kind }: ReceivedSpan) => kind === 2;
const outcomeOf = ({ attributes }: ReceivedSpan) => attributes['lazypirate.request.outcome'];

test('a request and its attempts arrive at the collector, when and where they happened', async (t) => {
  const collector = await Collector.start(t);
  const upstream = await scripted(t, [{ do: 'drop' }, { do: 'reply' }]);
  const headersFile = join(scratch(), 'headers');
  writeFileSync(headersFile, 'Authorization: Bearer secret\n');
  const env = {
    POD_NAME: 'shop-7',
    POD_NAMESPACE: 'shop',
    OTEL_SERVICE_NAME: 'shop',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
  };
  const tracing = { endpoint: collector.url, headersFile };
  const { address, metric } = await start(
    t,
    upstream.address,
    { tracing, route: { timeout: '50ms', attempts: 100 } },
    { env },
  );
  const before = BigInt(Date.now()) * 1_000_000n;
  assert.equal((await ask(address, 'hello')).text, 'hello');
  const after = BigInt(Date.now() + 1) * 1_000_000n;
  await collector.received('the span of the request', 1, isRequest);
  const { spans } = collector;
  const request = spans.find(isRequest);
  const attempts = spans.filter((span) => span !== request);
  assert.ok(request);
  const results = attempts.map(({ attributes }) => attributes['lazypirate.attempt.result']);
  // On a slow machine, others may time out too.
  assert.deepEqual([results[0], results.at(-1)], ['timeout', 'ok']);
  assert.equal(request.attributes['lazypirate.request.attempts'], results.length);
  const [first, second] = attempts;
  assert.ok(first && second);
  assert.ok(before <= request.start && request.start <= first.start && first.start < first.end);
  assert.ok(first.end - first.start >= 50_000_000n, 'the timeout');
  assert.ok(first.end <= second.start && second.end <= request.end && request.end <= after);
  for (const attempt of attempts) assert.equal(attempt.parentId, request.spanId);
  assert.equal(first.attributes['lazypirate.endpoint.address'], upstream.address);
  assert.match(String(request.attributes['lazypirate.request.id']), /^orders\.[0-9a-z]{6}\.1$/);
  assert.equal(request.attributes['client.address'], '127.0.0.1');
  const { 'service.version': version, ...resource } = request.resource;
  assert.ok(version);
  assert.deepEqual(resource, {
    'service.name': 'shop',
    'service.instance.id': 'shop-7',
    'k8s.pod.name': 'shop-7',
    'k8s.namespace.name': 'shop',
    'deployment.environment.name': 'test',
  });
  const [{ path, headers } = { path: '', headers: {} }] = collector.requests;
  assert.equal(path, '/v1/traces');
  assert.equal(headers['content-type'], 'application/x-protobuf');
  assert.equal(headers.authorization, 'Bearer secret');
  await until('they are counted', async () => (await metric(EXPORTED)) === spans.length);
});

test('with a sample of 0 only what fails, or needs another attempt, is traced', async (t) => {
  const collector = await Collector.start(t);
  const upstream = await scripted(t, (body) => ({ do: body === 'dead' ? 'die' : 'reply' }));
  const { address } = await start(t, upstream.address, {
    tracing: { endpoint: collector.url, sample: 0 },
    route: { timeout: '60s', attempts: 1 },
  });
  const app = new App(address);
  t.after(() => app.close());
  for (let i = 0; i < 20; i++) await app.ask('alive');
  assert.equal((await app.ask('dead')).failure?.code, 'LOST');
  const spans = await collector.received('the failure', 2);
  assert.deepEqual(spans.filter(isRequest).map(outcomeOf), ['lost']);
  assert.equal(spans.filter(isRequest)[0]?.status.code, 2);
});

test('with a sample of 0 what is slow is traced too', async (t) => {
  const collector = await Collector.start(t);
  const upstream = await scripted(t, { do: 'delay', ms: 20 });
  const { address, program } = await start(t, upstream.address, {
    tracing: { endpoint: collector.url, sample: 0 },
    log: { slow: '10ms' },
  });
  await ask(address, 'hello');
  const [request] = await collector.received('its span', 1, isRequest);
  assert.equal(request?.status.code, 0);
  const { requestId } = await program.logged('slow');
  assert.equal(request?.attributes['lazypirate.request.id'], requestId);
});

test('variables alone switch it on', async (t) => {
  const collector = await Collector.start(t);
  const upstream = await scripted(t, { do: 'reply' });
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_HEADERS: 'x-scope=a%20b' };
  const { address } = await start(t, upstream.address, {}, { env });
  await ask(address, 'hello');
  const [span] = await collector.received('its spans', 2);
  assert.equal(span?.resource['service.name'], 'lazypirate');
  assert.equal(collector.requests[0]?.headers['x-scope'], 'a b');
});

test('an app tells the trace of its request, which the upstream need not see', async (t) => {
  const collector = await Collector.start(t);
  const upstream = await scripted(t, { do: 'reply' });
  const { address } = await start(t, upstream.address, {
    tracing: { endpoint: collector.url, sample: 0, parentFrame: 0, stripParent: true },
  });
  const told = await ask(address, SAMPLED, 'a', 'b');
  assert.deepEqual(told.frames.map(String), ['a', 'b']);
  const other = await ask(address, UNSAMPLED, 'c');
  assert.deepEqual(other.frames.map(String), ['c']);
  const none = await ask(address, 'no parent', 'd');
  assert.deepEqual(none.frames.map(String), ['no parent', 'd']);
  const only = await ask(address, SAMPLED);
  assert.deepEqual(only.frames.map(String), [SAMPLED]);
  const requests = await collector.received('both that were sampled', 2, isRequest);
  for (const { traceId, parentId } of requests) assert.deepEqual([traceId, parentId], [TRACE, SPAN]);
  assert.equal(requests.length, 2);
  assert.equal(requests[0]?.attributes['lazypirate.request.bytes'], SAMPLED.length + 2);
});

for (const transport of ['zmtp', 'libzmq'] as const)
  test(`retries send the request without its parent, over ${transport}`, async (t) => {
    const upstream = await scripted(t, [{ do: 'drop' }, { do: 'reply' }]);
    const { address, events } = await startRoute(t, [upstream.address], {
      transport,
      retry: { timeoutMs: 50, attempts: 100 },
      traceFrame: { index: 1, isStripped: true },
    });
    const large = Buffer.alloc(100_000, 'x');
    const { frames } = await ask(address, large, SAMPLED);
    assert.equal(frames.length, 1);
    assert.ok(frames[0]?.equals(large));
    assert.ok(upstream.seen.length > 1);
    assert.ok(events.some(({ kind }) => kind === 'retry'));
  });

test('a collector that is down costs spans, never requests, and one line says so', async (t) => {
  const collector = await Collector.start(t);
  collector.behaviour = { kind: 'answer', status: 503 };
  const upstream = await scripted(t, { do: 'reply' });
  const tracing = { endpoint: collector.url };
  const { address, program, metric } = await start(t, upstream.address, { tracing });
  const app = new App(address);
  t.after(() => app.close());
  await app.ask('hello');
  const failed = await program.logged('spans cannot be exported; they are dropped when the queue is full');
  assert.match(String(failed['why']), /503/);
  for (let i = 1; i < 1_500; i++) assert.equal((await app.ask('hello')).failure, undefined);
  assert.ok((await metric(DROPPED('queue_full'))) > 0);
  assert.equal(await metric(EXPORTED), 0);
  collector.behaviour = { kind: 'take' };
  const again = await program.logged('spans are exported again');
  assert.ok(Number(again['dropped']) > 0);
  assert.equal(program.stdout.filter((line) => line.includes('spans cannot be exported')).length, 1);
  // Every span is in one of the counts, at the latest when all is sent.
  await until('all are accounted for', async () => {
    const counts = await Promise.all([EXPORTED, DROPPED('queue_full'), DROPPED('export_failed')].map(metric));
    return counts.reduce((sum, count) => sum + count, 0) === 3_000;
  });
});

test('a reload switches it on, to another collector, and off', async (t) => {
  const [one, other] = [await Collector.start(t), await Collector.start(t)];
  const upstream = await scripted(t, { do: 'reply' });
  const { address, program, file } = await start(t, upstream.address, {});
  const app = new App(address);
  t.after(() => app.close());
  const reload = async (tracing: object | undefined, isDone: () => boolean) => {
    writeFileSync(file, yamlOf(upstream.address, { ...(tracing && { tracing }) }));
    program.kill('SIGHUP');
    await until('it is in force', isDone);
  };
  const tracings = () => program.stdout.filter((line) => line.includes('"msg":"tracing"')).length;
  await app.ask('a');
  await reload({ endpoint: one.url }, () => tracings() === 1);
  await app.ask('b');
  await one.received('the spans of b', 2);
  await reload({ endpoint: other.url }, () => tracings() === 2);
  await app.ask('c');
  await other.received('the spans of c', 2);
  await reload(undefined, () => program.stdout.some((line) => line.includes('"msg":"tracing is off"')));
  await app.ask('d');
  program.kill('SIGTERM');
  await program.ended;
  assert.deepEqual([one.spans.length, other.spans.length], [2, 2]);
});

test('the last spans are sent before it exits', async (t) => {
  const collector = await Collector.start(t);
  const held = Promise.withResolvers<void>();
  const upstream = await scripted(t, { do: 'hold', until: held.promise });
  const { address, program } = await start(t, upstream.address, {
    tracing: { endpoint: collector.url },
    route: { timeout: '5m' },
    drain: { timeout: '10m', quiet: 0 },
  });
  const asked = ask(address, 'at the last moment');
  await until('it is in flight', () => upstream.seen.length === 1);
  program.kill('SIGTERM');
  await program.logged('draining');
  held.resolve();
  await asked;
  assert.deepEqual(await program.ended, { code: 0, signal: null });
  assert.deepEqual(collector.spans.filter(isRequest).map(outcomeOf), ['ok']);
  assert.equal(collector.spans.length, 2);
});

test('a collector that never answers does not hold up the exit', async (t) => {
  const collector = await Collector.start(t);
  collector.behaviour = { kind: 'hang' };
  const serve = await startServe(t);
  const { address, program } = await start(t, serve.address, {
    tracing: { endpoint: collector.url },
    drain: { timeout: '10m', quiet: 0 },
  });
  await ask(address, 'hello');
  program.kill('SIGTERM');
  assert.deepEqual(await program.ended, { code: 0, signal: null });
  const dropped = await program.logged('spans dropped: they could not be sent in time');
  assert.equal(dropped['dropped'], 2);
});
