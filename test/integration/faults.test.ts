import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { App, ask } from '../support/ask.ts';
import { Exposition } from '../support/exposition.ts';
import { killUpstreams, startUpstreams } from '../support/kills.ts';
import { startServe, startSidecar } from '../support/program.ts';
import { type RunningRoute, startRoute } from '../support/route.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';

test('apps do not notice that upstreams are killed and restarted', async (t) => {
  // So long that each of them has work when it is killed.
  const workMs = 20;
  const upstreams = await startUpstreams(t, 3, workMs);
  const addresses = upstreams.map(({ address }) => address);
  const { address, admin } = await startSidecar(t, [
    ...['--listen', 'tcp://127.0.0.1:0', '--upstream', addresses.join(','), '--timeout', '60s'],
  ]);
  const newAsker = () => {
    const app = new App(address);
    return { ask: async (body: string) => (await app.ask(body)).text, close: () => app.close() };
  };
  const report = await killUpstreams(t, { upstreams, apps: 16, kills: 3, everyMs: 300, workMs }, newAsker);
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

const DEADLINE_MS = 1_000;

/**
 * Counts the requests from now on that have no outcome 100 ms after their deadline. That is told by a timer of the same process, which
 * is as late as the deadline's own where the machine is slow.
 */
function lateOutcomes({ watch, count }: RunningRoute): () => Promise<number[]> {
  const late: number[] = [];
  const looks: Promise<void>[] = [];
  let received = count('received');
  const look = async (number: number) => {
    await setTimeout(DEADLINE_MS + 100);
    // What has come is read before a timeout counts.
    for (let turn = 0; turn < 3; turn++) await setImmediate();
    if (count('settled') < number) late.push(number);
  };
  watch((event) => {
    if (event.kind === 'received') looks.push(look(++received));
  });
  return async () => {
    await Promise.all(looks);
    return late;
  };
}

for (const correlate of [false, true]) {
  test(`a stopped upstream costs no more than the deadline, correlate: ${correlate}`, async (t) => {
    const serve = await startServe(t);
    t.after(() => serve.program.kill('SIGCONT'));
    const running = await startRoute(t, [serve.address], {
      correlate,
      retry: { timeoutMs: 300, deadlineMs: DEADLINE_MS },
    });
    const { address, count } = running;
    await until('it is there', async () => (await ask(address, 'before')).text === 'before');
    const late = lateOutcomes(running);
    const patient = await startRoute(t, [serve.address], { correlate });
    assert.equal((await ask(patient.address, 'before')).text, 'before');

    serve.program.kill('SIGSTOP');
    const stopped = await Promise.all(Array.from({ length: 8 }, (_, i) => ask(address, `stopped ${i}`)));
    for (const { failure } of stopped) {
      // Those that found no connection free were never sent: a stopped process takes none, nor does it refuse any. It is busy while the
      // connection that it had is open, and then it is gone.
      const codes = failure?.attempts === 0 ? ['OVERLOADED', 'NO_ENDPOINTS'] : ['TIMEOUT'];
      assert.ok(codes.includes(failure?.code ?? ''), `${failure?.code} after ${failure?.attempts} attempts`);
      assert.equal(failure?.executed, failure?.attempts === 0 ? 'no' : 'maybe');
    }
    assert.deepEqual(await late(), []);

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
  const options = { correlate: true, retry: { timeoutMs: 1_500, attempts: 1 } };
  const { address, apply, event } = await startRoute(t, [upstream.address], options);
  const given = ask(address, 'first');
  await until('it is at the upstream', () => upstream.seen.includes('first'));
  // Only what comes from now on may take longer. It is on the same connection, and keeps it open when the first is given up.
  apply({ retry: {} });
  const kept = ask(address, 'second');
  await until('so is the other one', () => upstream.seen.includes('second'));
  assert.equal((await given).failure?.code, 'TIMEOUT');
  first.resolve();
  await event((e) => e.kind === 'lateReply' && e.fate === 'discarded');
  second.resolve();
  assert.equal((await kept).text, 'second');
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
