import assert from 'node:assert/strict';
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { ApiServer } from '../support/api-server.ts';
import { ask } from '../support/ask.ts';
import { build } from '../support/built.ts';
import { Program, type ProgramOptions, type Scope, startSidecar } from '../support/program.ts';
import { Deployment } from '../support/rolling-update.ts';
import { scratch } from '../support/scratch.ts';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

describe('dist, copied to where nothing else is', () => {
  let folder: string;
  let options: ProgramOptions;

  before(() => {
    folder = join(scratch(), 'copied');
    cpSync(dirname(build()), folder, { recursive: true });
    for (const one of [folder, dirname(folder)]) chmodSync(one, 0o755);
    for (let above = folder; above !== '/'; above = dirname(above))
      for (const name of ['node_modules', 'package.json'])
        assert.equal(existsSync(join(above, name)), false, `${name} in ${above}`);
    options = { main: join(folder, 'main.cjs'), through: ['env', '-C', '/', ...asNobody()] };
  });

  const lazypirate = async (scope: Scope, ...args: string[]) => {
    const program = Program.lazypirate(scope, args, options);
    program.child.stdin?.end();
    const { code } = await program.ended;
    assert.deepEqual([code, program.stderr.filter((line) => !/^[\d.]+ ms, /.test(line))], [0, []]);
    return program.stdout.join('\n');
  };

  test('holds what it runs, the addons of every Linux, and their licences', () => {
    const names = readdirSync(folder).sort();
    const addons = ['arm64-glibc', 'arm64-musl', 'x64-glibc', 'x64-musl'];
    for (const addon of addons) assert.ok(names.includes(`zeromq-linux-${addon}.node`), addon);
    const others = names.filter((name) => !name.startsWith('zeromq-'));
    assert.deepEqual(others, ['LICENSE', 'LICENSES.txt', 'kubernetes-client.cjs', 'main.cjs']);
    const licenses = readFileSync(join(folder, 'LICENSES.txt'), 'utf8');
    for (const words of ['zeromq 6', 'MPL-2.0', 'source code for `libzmq`', 'libsodium', 'zod 4', 'pino 10'])
      assert.ok(licenses.includes(words), words);
    const bytes = names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
    assert.ok(bytes < 10_000_000, `${bytes} bytes`);
  });

  test('knows its version, and has help and the schema', async (t) => {
    assert.equal(await lazypirate(t, '--version'), `lazypirate ${version}`);
    for (const command of ['run', 'check', 'schema', 'send', 'serve', 'demo'])
      assert.match(await lazypirate(t, command, '--help'), /^Usage: lazypirate/);
    assert.ok('routes' in JSON.parse(await lazypirate(t, 'schema')).properties);
  });

  test('checks, serves, forwards and sends', async (t) => {
    const serve = Program.lazypirate(t, ['serve', 'tcp://127.0.0.1:*'], options);
    const upstream = await serve.line((line) => /^serving (\S+)/.exec(line)?.[1]);
    const args = ['--listen', 'tcp://127.0.0.1:0', '--upstream', upstream];
    assert.match(await lazypirate(t, 'check', ...args), /^valid: 1 route$/m);
    const sidecar = await startSidecar(t, args, options);
    assert.equal(await lazypirate(t, 'send', sidecar.address, 'hello'), 'hello');
    const status = await (await fetch(`${sidecar.admin}/status`)).json();
    assert.equal((status as { version: string }).version, version);
    sidecar.program.kill('SIGTERM');
    assert.deepEqual(await sidecar.program.ended, { code: 0, signal: null });
  });

  test('finds its endpoints in Kubernetes', async (t) => {
    const server = await ApiServer.start(t);
    const deployment = new Deployment(t, server);
    deployment.ready(await deployment.start());
    const kubeconfig = server.kubeconfig(t);
    chmodSync(dirname(kubeconfig), 0o755);
    const args = ['--listen', 'tcp://127.0.0.1:0', '--upstream', 'service/orders:zmq'];
    const sidecar = await startSidecar(t, args, { ...options, env: { KUBECONFIG: kubeconfig } });
    assert.equal((await ask(sidecar.address, 'hello')).text, 'hello');
  });

  test('shows the demo', async (t) => {
    assert.match(await lazypirate(t, 'demo', '--for', '1s'), /[\d,]+ replies, 0 lost/);
  });
});

test('what npx starts says how to build, until it is built', async (t) => {
  const folder = scratch();
  cpSync('config/bin.cjs', join(folder, 'config/bin.cjs'));
  const { bin, scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
  assert.deepEqual(bin, { lazypirate: 'config/bin.cjs' });
  assert.ok(scripts.build);
  const run = async () => {
    const program = Program.start(t, join(folder, bin.lazypirate), ['--version'], { PATH: pathToNode() });
    const { code } = await program.ended;
    return [code, ...program.stdout, ...program.stderr];
  };
  assert.deepEqual(await run(), [1, 'lazypirate: not built yet: run "npm ci && npm run build" first']);
  cpSync(dirname(build()), join(folder, 'dist'), { recursive: true });
  assert.deepEqual(await run(), [0, `lazypirate ${version}`]);
});

/** The Node of this process first. */
function pathToNode(): string {
  return `${dirname(process.execPath)}:${process.env['PATH']}`;
}

/** Whom nothing here belongs to, where that can be had. */
function asNobody(): string[] {
  const isRoot = process.getuid?.() === 0;
  return isRoot
    ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs', '--inh-caps=-all']
    : [];
}
