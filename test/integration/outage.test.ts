import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Request } from 'zeromq';
import { Exposition } from '../support/exposition.ts';
import { startSidecar } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';
import { drop, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';

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

test('a total outage counts as failures, although the app never waits for its failure replies', async (t) => {
  const upstream = await ScriptedUpstream.start(drop);
  t.after(() => upstream.close());
  const config = join(scratch(), 'config.yaml');
  const route = {
    name: 'orders',
    listen: 'tcp://127.0.0.1:0',
    upstream: { endpoints: [upstream.address] },
    timeout: '700ms',
  };
  writeFileSync(config, JSON.stringify({ drain: { quiet: '50ms' }, routes: [route] }));
  const { address, admin, program } = await startSidecar(t, ['--config', config]);

  for (let i = 0; i < 5; i++) assert.equal(await askImpatiently(address, 50), 'no answer');
  const requests = async (labels?: RegExp) =>
    (await Exposition.of(admin)).total('lazypirate_requests_total', labels);
  await until('all are settled', async () => (await requests()) === 5);
  assert.equal(await requests(/outcome="client_gone",cause="timeout"/), 5);
  const line = await program.logged('gave up, but the app had left');
  assert.deepEqual([line['level'], line['outcome'], line['cause']], ['warn', 'client_gone', 'timeout']);

  assert.equal(await askImpatiently(address, 50), 'no answer');
  program.kill('SIGTERM');
  const { answered, failed, cut } = await program.logged('drained');
  assert.deepEqual([answered, failed, cut], [0, 1, 0]);
});
