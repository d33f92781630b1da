import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Dealer, Request } from 'zeromq';
import { App } from '../support/ask.ts';
import { Exposition } from '../support/exposition.ts';
import { type RunningSidecar, type Scope, startServe, startSidecar } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';
import { drop, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';

/** Asks, and closes its socket as soon as the request is where it is to be. */
async function askAndLeave(address: string, what: string, isThere: () => boolean): Promise<void> {
  const app = new App(address);
  const asked = app.ask('hello').catch(() => undefined);
  await until(what, isThere);
  app.close();
  await asked;
}

/** Asks as most apps do: with a timeout of its own, after which it closes its socket and opens another. */
async function askImpatiently(address: string, patienceMs: number): Promise<'answered' | 'no answer'> {
  const socket = new Request({ linger: 0, receiveTimeout: patienceMs });
  socket.connect(address);
  try {
    await socket.send('hello');
    return await socket.receive().then(
      () => 'answered',
      () => 'no answer',
    );
  } finally {
    socket.close();
  }
}

function startWith(t: Scope, endpoints: readonly string[], policy: object): Promise<RunningSidecar> {
  const file = join(scratch(), 'config.yaml');
  const route = { name: 'orders', listen: 'tcp://127.0.0.1:0', upstream: { endpoints }, ...policy };
  // As long as the processes of a test may be stalled while it drains.
  const drain = { quiet: '4s' };
  writeFileSync(file, JSON.stringify({ drain, routes: [route] }));
  return startSidecar(t, ['--config', file]);
}

test('a total outage counts as failures, although the app never waits for its failure replies', async (t) => {
  const upstream = await ScriptedUpstream.start(drop);
  t.after(() => upstream.close());
  const { address, admin, program } = await startWith(t, [upstream.address], { timeout: '700ms' });

  const leave = (number: number) =>
    askAndLeave(address, 'it is executed', () => upstream.seen.length >= number);
  for (let number = 1; number <= 5; number++) await leave(number);
  const requests = async (labels?: RegExp) =>
    (await Exposition.of(admin)).total('lazypirate_requests_total', labels);
  await until('all are settled', async () => (await requests()) === 5);
  assert.equal(await requests(/outcome="client_gone",cause="timeout"/), 5);
  const line = await program.logged('gave up, but the app had left');
  assert.deepEqual([line['level'], line['outcome'], line['cause']], ['warn', 'client_gone', 'timeout']);

  await leave(upstream.seen.length + 1);
  program.kill('SIGTERM');
  const { answered, cut } = await program.logged('drained');
  assert.deepEqual([answered, cut], [0, 0]);
});

/** Asks for more at once than its share of the queue, again and again, so that refusals are owed to it. */
async function flood(socket: Dealer, atOnce: number, isOn: () => boolean): Promise<void> {
  while (isOn()) {
    for (let i = 0; i < atOnce; i++) await socket.send(['', `flood ${i}`]);
    for (let i = 0; i < atOnce; i++) await socket.receive();
  }
}

test('every scrape accounts for every request: under load, faults, floods, apps that leave, and a drain', async (t) => {
  const slow = await startServe(t, ['--delay', '20ms', '--drop', '0.1']);
  const hit = await startServe(t, ['--delay', '20ms']);
  const { address, admin, program } = await startWith(t, [slow.address, hit.address], {
    timeout: '100ms',
    limits: { inFlight: 4, queue: 40, messageBytes: '1KiB' },
  });
  let isOn = true;
  const apps = Array.from({ length: 12 }, () => new App(address));
  const flooder = new Dealer({ linger: 0 });
  t.after(() => {
    isOn = false;
    for (const app of apps) app.close();
    flooder.close();
  });
  const asking = apps.map(async (app, i) => {
    while (isOn) await app.ask(i === 0 ? Buffer.alloc(2_048) : 'hello');
  });
  const leaving = Array.from({ length: 3 }, async () => {
    // The one after the other is more patient, up to what a slow machine takes to receive it.
    for (let i = 0; isOn; i++) await askImpatiently(address, 15 * 2 ** (i % 8));
  });
  flooder.connect(address);
  const flooding = flood(flooder, 60, () => isOn);

  let [scrapes, busy] = [0, 0];
  const seen = new Set<string>();
  const scrape = async () => {
    const metrics = await Exposition.of(admin);
    assert.equal(metrics.unaccounted, 0, 'received, and neither settled nor in flight nor queued');
    scrapes++;
    if (metrics.total('lazypirate_queued_requests') > 0) busy++;
    for (const outcome of ['ok', 'overloaded', 'too_large', 'client_gone'])
      if (metrics.total('lazypirate_requests_total', new RegExp(`outcome="${outcome}"`)) > 0)
        seen.add(outcome);
  };
  await until('all outcomes have been seen', async () => {
    await scrape();
    return seen.size === 4 && busy >= 8;
  });
  hit.program.kill('SIGKILL');
  for (const enough = scrapes + 8; scrapes < enough; ) await scrape();

  program.kill('SIGTERM');
  await program.logged('draining');
  const before = scrapes;
  await until('the drain has been looked at', async () => {
    await scrape();
    return scrapes >= before + 5;
  });
  isOn = false;
  await Promise.all([...asking, ...leaving, flooding]);
  // Unless it has left already.
  await scrape().catch((error) => assert.ok(error instanceof TypeError, error));
  assert.deepEqual(await program.ended, { code: 0, signal: null });
});

test('a route that gets another name while a request is under way accounts for every request', async (t) => {
  const answer = Promise.withResolvers<void>();
  const upstream = await ScriptedUpstream.start(() => ({ do: 'hold', until: answer.promise }));
  t.after(() => upstream.close());
  const directory = scratch();
  const file = join(directory, 'config.yaml');
  const listen = `ipc://${join(directory, 'app.sock')}`;
  const name = (named: string) => {
    const route = {
      name: named,
      listen,
      timeout: '60s',
      attempts: 1,
      upstream: { endpoints: [upstream.address] },
    };
    writeFileSync(file, JSON.stringify({ routes: [route] }));
  };
  name('orders');
  const { admin, program } = await startSidecar(t, ['--config', file]);
  const app = new App(listen);
  t.after(() => app.close());
  const asked = app.ask('hello');
  const inFlight = async (route: string) =>
    (await Exposition.of(admin)).total('lazypirate_in_flight_requests', new RegExp(`route="${route}"`));
  await until('it is under way', async () => (await inFlight('orders')) === 1);

  name('bills');
  await program.logged('reload applied');
  assert.equal((await Exposition.of(admin)).unaccounted, 0);
  answer.resolve();
  await asked;
  await until('it is settled', async () => (await inFlight('bills')) === 0);
  const after = await Exposition.of(admin);
  assert.equal(after.total('lazypirate_requests_total', /route="bills",outcome="ok"/), 1);
  assert.equal(after.unaccounted, 0);
});
