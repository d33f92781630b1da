import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { platform } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { RequestRecord } from '../../src/ops/record.ts';
import { App } from '../support/ask.ts';
import { startSidecar } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';
import { delay, die, drop, reply, ScriptedUpstream, type Step } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';

/** A sidecar for one upstream, and an app. */
async function start(t: TestContext, steps: readonly Step[], { log = {}, policy = {} } = {}) {
  const upstream = await ScriptedUpstream.start(steps);
  t.after(() => upstream.close());
  const file = join(scratch(), 'config.yaml');
  const endpoints = [upstream.address];
  const route = { name: 'orders', listen: 'tcp://127.0.0.1:0', upstream: { endpoints }, ...policy };
  writeFileSync(file, JSON.stringify({ log, routes: [route] }));
  const sidecar = await startSidecar(t, ['--config', file]);
  const app = new App(sidecar.address);
  t.after(() => app.close());
  const requests = async (filter = ''): Promise<RequestRecord[]> => {
    const response = await fetch(`${sidecar.inspect}/requests${filter}`);
    assert.equal(response.status, 200);
    return ((await response.json()) as { requests: RequestRecord[] }).requests;
  };
  return { ...sidecar, app, upstream, requests };
}

test('what a failure reply says can be found again, with each attempt and the process of the app', async (t) => {
  const { app, requests, program, upstream } = await start(t, [drop], {
    policy: { timeout: '100ms', attempts: 2, deadline: '60s' },
  });
  const { failure } = await app.ask('hello');
  assert.ok(failure !== undefined);
  const { requestId, tried, waitedMs } = failure;
  const line = await program.logged('gave up');
  assert.deepEqual([line['requestId'], line['tried'], line['waitedMs']], [requestId, tried, waitedMs]);
  const [record, ...rest] = await requests(`?id=${requestId}`);
  assert.deepEqual(rest, []);
  assert.ok(record !== undefined);
  assert.deepEqual(
    [record.id, record.outcome, record.message, record.waitedMs, record.from],
    [requestId, 'timeout', failure.message, waitedMs, line['from']],
  );
  assert.deepEqual(
    record.attempts.map(({ endpoint, result, ms }) => ({ endpoint, result, ms })),
    tried,
  );
  assert.deepEqual(
    tried.map(({ endpoint }) => endpoint),
    [upstream.address, upstream.address],
  );
  if (platform() === 'linux') assert.match(record.process ?? '', new RegExp(`\\[${process.pid}\\]$`));
  assert.deepEqual(await requests('?outcome=ok'), []);
});

test('a slow request is logged and kept, and one that was retried is kept', async (t) => {
  const steps = [delay(300), die];
  const { app, requests, program, upstream } = await start(t, steps, {
    log: { slow: '299ms' },
    policy: { timeout: '60s' },
  });
  assert.equal((await app.ask('slow')).text, 'slow');
  const line = await program.logged('slow');
  assert.deepEqual([line['level'], line['outcome'], line['attempts']], ['info', 'ok', 1]);
  upstream.script = (_, number) => (number === 1 ? die : reply);
  const asked = app.ask('retried');
  await until('its first attempt has failed', () => upstream.seen.length === 2);
  await upstream.listen();
  assert.equal((await asked).text, 'retried');
  const [retried, slow] = await requests();
  assert.deepEqual([slow?.id, slow?.outcome], [line['requestId'], 'ok']);
  assert.deepEqual(
    retried?.attempts.map(({ result }) => result),
    ['lost', 'ok'],
  );
});
