import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CORRELATE, type Correlate } from '../foreign/table.ts';
import { Program, type Scope, startSidecar } from '../support/program.ts';
import { python, pythonSkip } from '../support/python.ts';
import { scratch } from '../support/scratch.ts';

const FOREIGN = fileURLToPath(new URL('../foreign/', import.meta.url));
const folder = scratch();

const cSkip =
  compile('client') && compile('peer') ? false : 'no C compiler with libzmq (libzmq3-dev) on this machine';

function compile(name: string): boolean {
  const args = ['-o', join(folder, name), join(FOREIGN, `${name}.c`), '-lzmq', '-lpthread'];
  return spawnSync('cc', args).status === 0;
}

function configFile(name: string, upstream: string, correlate: Correlate): string {
  const file = join(folder, `${name}-${correlate}.yaml`);
  const route = {
    name: 'foreign',
    listen: 'tcp://127.0.0.1:0',
    upstream: { endpoints: [upstream] },
    correlate,
  };
  writeFileSync(file, JSON.stringify({ routes: [{ ...route, timeout: '60s' }] }));
  return file;
}

/** A REP that echoes. @returns its address */
function rep(scope: Scope, program: string, ...args: string[]): Promise<string> {
  const server = Program.start(scope, program, [...args, 'serve', 'REP', 'tcp://127.0.0.1:0']);
  return server.line((line) => /^serving REP (\S+)/.exec(line)?.[1]);
}

const SCENES = {
  plain: 'a REQ, 1,000 times',
  thousand_frames: 'a REQ with 1,000 frames',
  large: 'a REQ with 16 MiB',
  too_large: 'a REQ with a byte more than 16 MiB, which is refused, and goes on',
  relaxed: 'a REQ with RELAXED and CORRELATE that gives up every other request',
  dealer: 'a DEALER that pipelines and counts on the order',
  dealer_with_ids: 'a DEALER with frames above the delimiter',
};

test('pyzmq apps, and a pyzmq upstream', { skip: pythonSkip }, async (t) => {
  const upstream = await rep(t, python ?? '', join(FOREIGN, 'peer.py'));
  for (const correlate of CORRELATE) {
    const { address } = await startSidecar(t, ['--config', configFile('python', upstream, correlate)]);
    const script = [join(FOREIGN, 'client.py'), ...Object.keys(SCENES), address];
    const app = Program.start(t, python ?? '', script);
    for (const [scene, title] of Object.entries(SCENES))
      await t.test(`${title}, correlate: ${correlate}`, async () => {
        await app.line((line) => line === `${scene} is right` || undefined);
      });
    assert.deepEqual(await app.ended, { code: 0, signal: null }, app.stderr.join('\n'));
  }
});

test('16 threads of a C app on libzmq, and a C upstream', { skip: cSkip }, async (t) => {
  const upstream = await rep(t, join(folder, 'peer'));
  for (const correlate of CORRELATE) {
    const { address, metric } = await startSidecar(t, ['--config', configFile('c', upstream, correlate)]);
    const app = Program.start(t, join(folder, 'client'), [address]);
    assert.deepEqual(await app.ended, { code: 0, signal: null }, app.stderr.join('\n'));
    assert.deepEqual(app.stdout, ['right']);
    assert.equal(await metric('lazypirate_requests_total{route="foreign",outcome="ok"}'), 16 * 200 + 1);
  }
});
