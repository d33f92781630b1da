import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { drain } from '../../src/sidecar/drain.ts';
import { App, ask } from '../support/ask.ts';
import { type RunningSidecar, type Scope, startServe, startSidecar } from '../support/program.ts';
import { startRoute } from '../support/route.ts';
import { scratch } from '../support/scratch.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';

const RECEIVED = 'lazypirate_requests_received_total{route="orders"}';
const IN_FLIGHT = 'lazypirate_in_flight_requests{route="orders"}';

async function startWith(scope: Scope, upstream: string, drain: object): Promise<RunningSidecar> {
  const file = join(scratch(), 'config.yaml');
  const route = {
    name: 'orders',
    listen: 'tcp://127.0.0.1:0',
    upstream: { endpoints: [upstream] },
    timeout: '5m',
  };
  writeFileSync(file, JSON.stringify({ drain, routes: [route] }));
  return startSidecar(scope, ['--config', file]);
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`requests in flight at ${signal} are answered, and the exit code is 0`, async (t) => {
    const held = Promise.withResolvers<void>();
    const upstream = await ScriptedUpstream.start({ do: 'hold', until: held.promise });
    t.after(() => upstream.close());
    const drain = { timeout: '10m', quiet: '50ms' };
    const { program, address, metric } = await startWith(t, upstream.address, drain);
    const large = Buffer.alloc(16 * 1024 * 1024, 'x');
    const asked = [
      ...Array.from({ length: 50 }, (_, i) => ask(address, `q${i}`, Buffer.alloc(16_384))),
      ask(address, large),
    ];
    await until('all have come', async () => (await metric(RECEIVED)) === asked.length);
    program.kill(signal);
    await program.logged('draining');
    held.resolve();
    const answers = await Promise.all(asked);
    answers.slice(0, 50).forEach(({ text }, i) => void assert.equal(text, `q${i}`));
    assert.ok(answers[50]?.frames[0]?.equals(large));
    assert.deepEqual(await program.ended, { code: 0, signal: null });
    const drained = await program.logged('drained');
    assert.equal(drained['failed'], 0);
    assert.equal(drained['cut'], 0);
  });
}

test('while draining it keeps serving, and reports not ready', async (t) => {
  const serve = await startServe(t);
  const { program, address, admin } = await startWith(t, serve.address, { timeout: '10m', quiet: '3s' });
  const app = new App(address);
  t.after(() => app.close());
  assert.equal((await fetch(`${admin}/readyz`)).status, 200);
  assert.equal((await app.ask('before')).text, 'before');
  program.kill('SIGTERM');
  await program.logged('draining');
  assert.equal((await fetch(`${admin}/readyz`)).status, 503);
  assert.equal((await fetch(`${admin}/livez`)).status, 200);
  for (let i = 0; i < 20; i++) assert.equal((await app.ask(`q${i}`)).text, `q${i}`);
  assert.deepEqual(await program.ended, { code: 0, signal: null });
  assert.equal((await program.logged('drained'))['answered'], 20);
});

test('with a quiet time of 0, requests in flight are answered anyway', async (t) => {
  const held = Promise.withResolvers<void>();
  const upstream = await ScriptedUpstream.start({ do: 'hold', until: held.promise });
  t.after(() => upstream.close());
  const { program, address } = await startWith(t, upstream.address, { timeout: '10m', quiet: 0 });
  const asked = ask(address, 'in time');
  await until('it is in flight', () => upstream.seen.length === 1);
  program.kill('SIGTERM');
  await program.logged('draining');
  held.resolve();
  assert.equal((await asked).text, 'in time');
  assert.deepEqual(await program.ended, { code: 0, signal: null });
});

test('the idle time of a route starts with its last outcome', async (t) => {
  const held = Promise.withResolvers<void>();
  const upstream = await ScriptedUpstream.start({ do: 'hold', until: held.promise });
  t.after(() => upstream.close());
  const { route, address, event } = await startRoute(t, [upstream.address]);
  const asked = ask(address, 'long');
  await until('it is in flight', () => upstream.seen.length === 1);
  assert.equal(route.isSettled, false);
  const beforeMs = performance.now();
  held.resolve();
  await asked;
  await event(({ kind }) => kind === 'settled');
  const nowMs = performance.now();
  assert.ok(route.idleMs(nowMs) <= nowMs - beforeMs);
});

test('when the time is up, remaining requests get a DRAINING failure reply, and the exit code is 0', async (t) => {
  const serve = await startServe(t, ['--drop', '1']);
  const { program, address, metric } = await startWith(t, serve.address, { timeout: '200ms', quiet: '50ms' });
  const asked = ask(address, 'never answered');
  await until('something is in flight', async () => (await metric(IN_FLIGHT)) > 0);
  program.kill('SIGTERM');
  const { failure } = await asked;
  assert.equal(failure?.code, 'DRAINING');
  assert.equal(failure?.status, 503);
  assert.equal(failure?.executed, 'maybe');
  assert.deepEqual(await program.ended, { code: 0, signal: null });
  assert.equal((await program.logged('drained'))['cut'], 1);
});

for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const) {
  test(`a second ${signal} ends it at once with ${code}`, async (t) => {
    const serve = await startServe(t, ['--drop', '1']);
    const { program, address, metric } = await startWith(t, serve.address, { timeout: '20s', quiet: '50ms' });
    const app = new App(address);
    t.after(() => app.close());
    app.ask('never answered').catch(() => undefined);
    await until('something is in flight', async () => (await metric(IN_FLIGHT)) > 0);
    program.kill(signal);
    await program.logged('draining');
    program.kill(signal);
    assert.deepEqual(await program.ended, { code, signal: null });
  });
}

test('an ipc path is gone after exit', async (t) => {
  const folder = scratch();
  const { program } = await startSidecar(t, [
    '--listen',
    `ipc://${folder}/app.sock`,
    '--upstream',
    'tcp://127.0.0.1:1',
  ]);
  program.kill('SIGTERM');
  await program.ended;
  assert.deepEqual(readdirSync(folder), []);
});

test('before the time is up what is new is refused, and what is under way is answered', async (t) => {
  const held = Promise.withResolvers<void>();
  const upstream = await ScriptedUpstream.start({ do: 'hold', until: held.promise });
  t.after(() => upstream.close());
  const { route, address } = await startRoute(t, [upstream.address]);
  const asking = ask(address, 'under way');
  await until('it is at the upstream', () => upstream.seen.length === 1);
  const refusing = Promise.withResolvers<void>();
  const drained = drain([route], { timeoutMs: 10_000, quietMs: 0 }, { refusing: refusing.resolve });
  await refusing.promise;
  const { failure } = await ask(address, 'new');
  assert.deepEqual([failure?.code, failure?.attempts, failure?.executed], ['DRAINING', 0, 'no']);
  held.resolve();
  assert.equal((await asking).text, 'under way');
  await drained;
  assert.deepEqual(upstream.seen, ['under way']);
  route.accept();
  assert.equal((await ask(address, 'wanted again')).text, 'wanted again');
});
