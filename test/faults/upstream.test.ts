import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { App, ask } from '../support/ask.ts';
import { ManInTheMiddle } from '../support/man-in-the-middle.ts';
import { startServe } from '../support/program.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import { baseline, fault, isFull, routeOf, settled, startTrial } from './fault.ts';

const REPLY = 'a reply of forty bytes, to be cut anywhere';
/** The frames of a reply to a lane: delimiter and body, each behind flags and length (RFC 23). */
const REPLY_BYTES = 2 + 2 + REPLY.length;

fault('a reply is cut after each of its bytes', async (t) => {
  const serve = await startServe(t);
  const relay = await ManInTheMiddle.start(serve.address);
  t.after(() => relay.close());
  const trial = await startTrial(
    t,
    routeOf([relay.address], { heartbeat: { interval: '1h', timeout: '1h' }, budget: { ratio: 1 } }),
  );
  await ask(trial.address, REPLY);
  const before = await baseline(trial);
  let slowestMs = 0;
  for (let bytes = 0; bytes < REPLY_BYTES; bytes++) {
    relay.cutAfter(bytes);
    const { text, ms } = await ask(trial.address, REPLY);
    assert.equal(text, REPLY);
    slowestMs = Math.max(slowestMs, ms);
  }
  const lost = await trial.total('lazypirate_attempts_total', /result="lost"/);
  assert.equal(lost, REPLY_BYTES);
  assert.ok(slowestMs < 1_000, `${slowestMs} ms`);
  return `after 0 to ${REPLY_BYTES - 1} bytes: ${lost} attempts lost, every request answered, slowest ${slowestMs.toFixed(0)} ms; ${await settled(trial, before)}`;
});

fault('connections are reset 100 times a second', async (t) => {
  const relays = await Promise.all(
    [await startServe(t), await startServe(t)].map(({ address }) => ManInTheMiddle.start(address)),
  );
  t.after(() => Promise.all(relays.map((relay) => relay.close())));
  const trial = await startTrial(
    t,
    routeOf(
      relays.map(({ address }) => address),
      { correlate: true },
    ),
  );
  await ask(trial.address, 'hello');
  const before = await baseline(trial);
  const load = new SteadyLoad(trial.address, 200);
  const seconds = isFull ? 60 : 4;
  const storm = setInterval(() => relays[Math.floor(Math.random() * 2)]?.reset(), 10);
  await setTimeout(seconds * 1_000);
  clearInterval(storm);
  await load.stop();
  assert.equal(load.crossed, 0);
  const slowestMs = Math.max(...load.samples.map(({ tookMs }) => tookMs));
  const again = performance.now();
  assert.equal((await ask(trial.address, 'after')).failure, undefined);
  assert.ok(performance.now() - again < 1_000);
  const attempts = await trial.total('lazypirate_attempts_total');
  const asked = load.samples.length + 2;
  assert.ok(attempts <= asked * 1.2 + 10 * (seconds + 2), `${attempts} attempts for ${asked}`);
  const failed = load.failures.length;
  return `${seconds} s, ${asked} requests, ${failed} failed, 0 crossed, ${attempts} attempts, slowest ${slowestMs.toFixed(0)} ms; ${await settled(trial, before)}`;
});

fault('the route to an upstream is gone while its connection stands', async (t) => {
  const serve = await startServe(t);
  const relay = await ManInTheMiddle.start(serve.address);
  t.after(() => relay.close());
  const route = routeOf([relay.address], {
    timeout: '300ms',
    deadline: '1500ms',
    heartbeat: { interval: '200ms', timeout: '600ms' },
  });
  const trial = await startTrial(t, route);
  await ask(trial.address, 'hello');
  const before = await baseline(trial);
  relay.halt();
  const { failure, ms } = await ask(trial.address, 'into the dark');
  assert.ok(failure !== undefined && ms < 1_600, `${failure?.code} after ${ms} ms`);
  assert.equal(failure.executed, 'maybe');
  relay.resume();
  const sinceMs = performance.now();
  const { text } = await ask(trial.address, 'light');
  const backMs = performance.now() - sinceMs;
  assert.equal(text, 'light');
  assert.ok(backMs < 1_000, `${backMs} ms`);
  return `${failure.code} after ${ms.toFixed(0)} ms (deadline 1500); served ${backMs.toFixed(0)} ms after the route was back; ${await settled(trial, before)}`;
});

for (const correlate of [false, true]) {
  fault(`replies come 1 to 50 ms after their timeout, correlate: ${correlate}`, async (t) => {
    const TIMEOUT_MS = 60;
    const upstream = await ScriptedUpstream.start(() => ({
      do: 'delay',
      ms: TIMEOUT_MS + 1 + Math.random() * 49,
    }));
    t.after(() => upstream.close());
    const limits = { inFlight: 256, adaptive: false, inFlightPerEndpoint: 256 };
    const trial = await startTrial(
      t,
      routeOf([upstream.address], { correlate, limits, timeout: `${TIMEOUT_MS}ms`, deadline: '2s' }),
    );
    await ask(trial.address, 'hello');
    const before = await baseline(trial);
    const requests = isFull ? 10_000 : 1_000;
    const counts = { own: 0, failed: 0, crossed: 0 };
    let asked = 0;
    const run = async (client: number) => {
      const app = new App(trial.address);
      while (asked < requests) {
        const body = `${client}.${asked++}`;
        const { text, failure } = await app.ask(body);
        counts[failure ? 'failed' : text === body ? 'own' : 'crossed']++;
      }
      app.close();
    };
    await Promise.all(Array.from({ length: 50 }, (_, client) => run(client)));
    assert.equal(counts.crossed, 0);
    assert.ok(counts.failed <= requests * 0.001, JSON.stringify(counts));
    const salvaged = await trial.total('lazypirate_late_replies_total', /salvaged/);
    const quiet = correlate ? await settled(trial, before) : 'lanes stay for a minute';
    return `${asked} requests, ${counts.failed} failed, 0 crossed, ${salvaged} salvaged, ${upstream.seen.length} executions; ${quiet}`;
  });
}
