import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { createLog } from '../../src/ops/log.ts';
import { Sidecar } from '../../src/sidecar.ts';
import { ask } from '../support/ask.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';

test('what goes wrong in telling of a request is told, and costs the request nothing', async (t) => {
  const upstream = await ScriptedUpstream.start();
  t.after(() => upstream.close());
  const route = { name: 'orders', listen: 'tcp://127.0.0.1:0', upstream: { endpoints: [upstream.address] } };
  const settings = { log: { sample: 1 }, admin: { listen: '127.0.0.1:0' }, drain: { quiet: 0 } };
  const text = JSON.stringify({ routes: [route], ...settings });
  const config = loadConfig({ env: {}, flags: {}, text });

  const lines: Record<string, unknown>[] = [];
  const destination = new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      lines.push(JSON.parse(text));
      done();
    },
  });
  const log = createLog({ level: 'info', version: '1.2.3', env: {}, destination });
  const { info } = log;
  log.info = ((what: object, message: string) => {
    if (message === 'answered') throw new Error('a bug');
    info.call(log, what, message);
  }) as typeof info;
  const stop = new AbortController();
  const versions = { lazypirate: '1.2.3', node: process.version, zeromq: 'any' };
  const running = new Sidecar(config, log, versions, {}).run(stop.signal);
  t.after(async () => {
    stop.abort('SIGTERM');
    await running;
  });
  const logged = (message: string) => lines.find(({ msg }) => msg === message);
  await until('it listens', () => logged('listening') !== undefined);

  const answer = await ask(String(logged('listening')?.['address']), 'hello');
  assert.equal(answer.text, 'hello');
  const { level, event, err } = logged('internal error') ?? {};
  assert.deepEqual([level, event, (err as Error | undefined)?.message], ['error', 'settled', 'a bug']);
});
