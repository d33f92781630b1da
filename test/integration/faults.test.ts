import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { App, ask } from '../support/ask.ts';
import { Exposition } from '../support/exposition.ts';
import { killUpstreams, startUpstreams } from '../support/kills.ts';
import { startServe, startSidecar } from '../support/program.ts';
import { startRoute } from '../support/route.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { wasStalled } from '../support/stalls.ts';
import { until } from '../support/until.ts';

test('apps do not notice that upstreams are killed and restarted', async (t) => {
  const upstreams = await startUpstreams(t, 3);
  const addresses = upstreams.map(({ address }) => address);
  const { address, admin } = await startSidecar(t, [
    ...['--listen', 'tcp://127.0.0.1:0', '--upstream', addresses.join(','), '--timeout', '60s'],
  ]);
  const newAsker = () => {
    const app = new App(address);
    return { ask: async (body: string) => (await app.ask(body)).text, close: () => app.close() };
  };
  const report = await killUpstreams(t, { upstreams, apps: 16, kills: 3, everyMs: 300 }, newAsker);
  const slowest = report.slowestMs.toSorted((a, b) => a - b);
  t.diagnostic(
    `${report.requests} requests; slowest at each kill: ${slowest.map((ms) => ms.toFixed(0)).join(' ')} ms`,
  );
  assert.deepEqual([report.failed, report.crossed], [0, 0]);
  // How quickly is for the benchmark to say.
  const attempts = await Exposition.of(admin);
  assert.ok(attempts.total('lazypirate_attempts_total', /result="lost"/) > 0);
  assert.equal(attempts.total('lazypirate_attempts_total', /result="timeout"/), 0, 'each kill was noticed');
});

for (const correlate of [false, true]) {
  test(`a stopped upstream costs no more than the deadline, correlate: ${correlate}`, async (t) => {
    const serve = await startServe(t);
    t.after(() => serve.program.kill('SIGCONT'));
    const { address, count } = await startRoute(t, [serve.address], {
      correlate,
      retry: { timeoutMs: 300, deadlineMs: 1_000 },
    });
    await until('it is there', async () => (await ask(address, 'before')).text === 'before');
    const patient = await startRoute(t, [serve.address], { correlate });
    assert.equal((await ask(patient.address, 'before')).text, 'before');

    serve.program.kill('SIGSTOP');
    const stopped = await Promise.all(Array.from({ length: 8 }, (_, i) => ask(address, `stopped ${i}`)));
    for (const { failure, ms } of stopped) {
      // Those that found no connection free were never sent: a stopped process takes none, nor does it refuse any.
      assert.equal(failure?.code, failure?.attempts === 0 ? 'NO_ENDPOINTS' : 'TIMEOUT');
      assert.equal(failure?.executed, failure?.attempts === 0 ? 'no' : 'maybe');
      assert.ok(ms < 1_000 + 100 || wasStalled(ms, ms - 1_100), `it took ${ms} ms`);
    }

    const app = new App(patient.address);
    t.after(() => app.close());
    const waiting = app.ask('asked while it was stopped');
    await patient.event((e) => e.kind === 'received' && e.bytes === 'asked while it was stopped'.length);
    serve.program.kill('SIGCONT');
    assert.equal((await waiting).text, 'asked while it was stopped');
    for (let i = 0; i < 50; i++) assert.equal((await app.ask(`after ${i}`)).text, `after ${i}`);
    assert.equal(patient.count('settled', 'ok'), 52);
    await until(
      'the other route is served again',
      async () => (await ask(address, 'x')).failure === undefined,
    );
    assert.ok(count('settled', 'timeout') >= 1);
  });
}

test('with correlation, a reply that comes after its request was given up is counted as discarded', async (t) => {
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const upstream = await ScriptedUpstream.start((body) => ({
    do: 'hold',
    until: (body === 'first' ? first : second).promise,
  }));
  t.after(() => upstream.close());
  const retry = { timeoutMs: 1_500, attempts: 1 };
  const { address, event } = await startRoute(t, [upstream.address], { correlate: true, retry });
  const given = ask(address, 'first');
  // So much longer than the first it may take, which is as long as this process may stand still.
  await setTimeout(1_000);
  // It is on the same connection, and keeps it open when the first is given up.
  const kept = ask(address, 'second');
  assert.equal((await given).failure?.code, 'TIMEOUT');
  first.resolve();
  const sinceMs = performance.now() - 1_500;
  await Promise.race([event((e) => e.kind === 'lateReply' && e.fate === 'discarded'), kept]);
  second.resolve();
  const { text, failure } = await kept;
  if (failure !== undefined) return assert.ok(wasStalled(performance.now() - sinceMs, 500));
  assert.equal(text, 'second');
});

test('with no upstream running it is nearly idle', async (t) => {
  const { address, metric } = await startSidecar(t, [
    ...[
      '--listen',
      'tcp://127.0.0.1:0',
      '--upstream',
      'tcp://127.0.0.1:1,tcp://127.0.0.1:2,tcp://127.0.0.1:3',
    ],
    ...['--timeout', '100ms', '--attempts', '8'],
  ]);
  const cpu = async () => metric('process_cpu_seconds_total');
  await ask(address, 'until it has settled down');
  const [beforeS, sinceMs] = [await cpu(), performance.now()];
  const { failure } = await ask(address, 'waits for its deadline');
  const share = ((await cpu()) - beforeS) / ((performance.now() - sinceMs) / 1_000);
  t.diagnostic(
    `${(share * 100).toFixed(2)} % of a CPU over ${((performance.now() - sinceMs) / 1_000).toFixed(1)} s`,
  );
  assert.equal(failure?.code, 'NO_ENDPOINTS');
  assert.equal(failure?.executed, 'no');
  // Its own start is the measure. One that is busy all the time needs far more.
  const usedS = (await cpu()) - beforeS;
  assert.ok(usedS < 5 * beforeS, `it took ${usedS} s of CPU, and ${beforeS} s until it had settled down`);
});
