import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { debugPages } from '../../src/ops/admin/debug-pages.ts';
import { openInspectDoor } from '../../src/ops/admin/inspect-door.ts';
import { DebugFiles } from '../../src/ops/debug-files.ts';
import { createLog } from '../../src/ops/log/log.ts';
import { ask } from '../support/ask.ts';
import { startServe, startSidecar } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';

interface Answer {
  status: number;
  body: string;
}

async function post(url: string): Promise<Answer> {
  const response = await fetch(url, { method: 'POST' });
  return { status: response.status, body: await response.text() };
}

/** The pages at a door of their own, in this process. */
async function started(t: TestContext, directory: string | undefined) {
  const lines: Record<string, unknown>[] = [];
  const destination = new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      lines.push(JSON.parse(text));
      done();
    },
  });
  const log = createLog({ level: 'info', version: '1.2.3', env: {}, destination });
  const begun = Promise.withResolvers<void>();
  const files = new DebugFiles({
    log,
    directory: () => {
      begun.resolve();
      return directory;
    },
  });
  const door = await openInspectDoor({ host: '127.0.0.1', port: 0 }, debugPages(files));
  t.after(() => door.close());
  const messages = () => lines.map(({ msg }) => msg);
  return { url: `http://${door.address}/debug`, messages, begun: begun.promise, files };
}

test('without a directory nothing is written, and the answer says how to set one', async (t) => {
  const { url, messages } = await started(t, undefined);
  for (const [path, what] of [
    ['profile', 'CPU profile'],
    ['heap', 'heap snapshot'],
  ] as const) {
    const { status, body } = await post(`${url}/${path}`);
    const words = `there is no directory for a ${what}: set admin.debugDirectory to one that the sidecar may write to\n`;
    assert.deepEqual([status, body], [409, words]);
  }
  assert.deepEqual(messages(), []);
});

test('a CPU profile is written into the directory, for its owner alone, and one at a time', async (t) => {
  const directory = scratch();
  const { url, messages, begun, files } = await started(t, directory);
  const profiling = post(`${url}/profile?seconds=1`);
  await begun;
  const second = await files.heap();
  assert.deepEqual(second, {
    kind: 'refused',
    why: 'a CPU profile is under way, and there is one at a time',
  });
  const profile = await profiling;
  assert.equal(profile.status, 200, profile.body);
  const { file, bytes, elapsedMs } = JSON.parse(profile.body);
  assert.deepEqual([dirname(file), readdirSync(directory)], [directory, [basename(file)]]);
  assert.match(basename(file), /^lazypirate-\d{4}-\d\d-\d\dT[\d.-]+Z\.cpuprofile$/);
  assert.ok(elapsedMs >= 1_000);
  assert.deepEqual([statSync(file).size, statSync(file).mode & 0o777], [bytes, 0o600]);
  const { nodes, samples } = JSON.parse(readFileSync(file, 'utf8'));
  assert.ok(nodes.length > 0 && samples.length > 0);
  assert.deepEqual(messages(), ['CPU profile written']);
  assert.equal((await post(`${url}/profile?seconds=1`)).status, 200, 'the next one is possible');
});

test('the time of a profile is from 1 to 60 s, and only a POST writes anything', async (t) => {
  const directory = scratch();
  const { url } = await started(t, directory);
  for (const seconds of ['0', '61', '1.5', '../../etc']) {
    const { status, body } = await post(`${url}/profile?seconds=${seconds}`);
    assert.deepEqual([status, body.slice(0, 43)], [400, 'seconds must be a whole number from 1 to 60']);
  }
  assert.equal((await post(`${url}/heap?file=/tmp/x`)).status, 400);
  assert.equal((await fetch(`${url}/heap`)).status, 405);
  assert.deepEqual(readdirSync(directory), []);
});

test('a directory that cannot be written to is reported, and leaves nothing behind', async (t) => {
  const directory = scratch();
  const file = join(directory, 'file');
  writeFileSync(file, 'kept');
  for (const wrong of [file, join(directory, 'absent')]) {
    const { url, messages } = await started(t, wrong);
    for (const path of ['profile?seconds=1', 'heap']) {
      const { status, body } = await post(`${url}/${path}`);
      assert.equal(status, 500);
      assert.match(
        body,
        /^the (CPU profile|heap snapshot) cannot be written: (ENOENT|ENOTDIR|.*no such|.*not a directory)/i,
      );
    }
    assert.deepEqual(messages().at(-1), 'heap snapshot failed');
  }
  assert.deepEqual([readdirSync(directory), readFileSync(file, 'utf8')], [['file'], 'kept']);
});

test('a file or a link that is there already is neither written to nor removed', async (t) => {
  const directory = scratch();
  const { files } = await started(t, directory);
  t.mock.timers.enable({ apis: ['Date'], now: 0 });
  const name = 'lazypirate-1970-01-01T00-00-00.000Z.heapsnapshot';
  writeFileSync(join(directory, 'file'), 'kept');
  symlinkSync('file', join(directory, name));
  const { kind, why } = (await files.heap()) as { kind: string; why: string };
  assert.deepEqual([kind, readFileSync(join(directory, 'file'), 'utf8')], ['failed', 'kept']);
  assert.match(why, /^the heap snapshot cannot be written: EEXIST/);
  assert.deepEqual(readdirSync(directory).sort(), ['file', name]);
});

test('a sidecar writes a heap snapshot where its configuration says, and goes on', async (t) => {
  const { address: endpoint } = await startServe(t);
  const directory = scratch();
  const config = join(scratch(), 'config.yaml');
  const routes = [{ name: 'a', listen: 'tcp://127.0.0.1:0', upstream: { endpoints: [endpoint] } }];
  writeFileSync(config, JSON.stringify({ admin: { debugDirectory: directory }, routes }));
  const { inspect, address, program } = await startSidecar(t, ['--config', config]);
  const { status, body } = await post(`${inspect}/debug/heap`);
  assert.equal(status, 200, body);
  const { file, bytes } = JSON.parse(body);
  assert.deepEqual(readdirSync(directory), [basename(file)]);
  assert.match(basename(file), /^lazypirate-.*\.heapsnapshot$/);
  assert.deepEqual([statSync(file).size, statSync(file).mode & 0o777], [bytes, 0o600]);
  assert.ok(JSON.parse(readFileSync(file, 'utf8')).snapshot.node_count > 0);
  await program.logged('writing a heap snapshot: the process stops meanwhile');
  await program.logged('heap snapshot written');
  assert.equal((await ask(address, 'still')).text, 'still');
});
