import assert from 'node:assert/strict';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { ApiServer } from '../support/api-server.ts';
import { ask } from '../support/ask.ts';
import { build } from '../support/built.ts';
import { Program, type ProgramOptions, type Scope, startServe, startSidecar } from '../support/program.ts';
import { Deployment } from '../support/rolling-update.ts';
import { scratch } from '../support/scratch.ts';
import { lacks, run } from '../support/tools.ts';

const UNIT = 'config/lazypirate.service';
const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

describe('dist, copied to where nothing else is', () => {
  let folder: string;
  let options: ProgramOptions;

  before(() => {
    folder = join(scratch(), 'dist');
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
    const others = names.filter((name) => !name.endsWith('.node'));
    assert.deepEqual(others, [
      'LICENSE',
      'LICENSES.txt',
      'command-line.cjs',
      'frames.cjs',
      'kubernetes-client.cjs',
      'lazypirate.cdx.json',
      'main.cjs',
      'page.html',
      'rolldown-runtime.cjs',
      'spans.cjs',
      'tools.cjs',
      'zeromq-context.cjs',
      'zeromq-lib.cjs',
      'zeromq-sockets.cjs',
      'zeromq-transport.cjs',
      'zeromq.cjs',
    ]);
    const licenses = readFileSync(join(folder, 'LICENSES.txt'), 'utf8');
    for (const words of [
      'zeromq 6',
      'MPL-2.0',
      'source code for `libzmq`',
      'libsodium',
      'WIDE Project',
      'zod 4',
      'pino 10',
    ])
      assert.ok(licenses.includes(words), words);
    const bytes = names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
    assert.ok(bytes < 10_000_000, `${bytes} bytes`);
  });

  test('has all that the app of the demo chart needs, mounted beside it as in the image', async (t) => {
    const mount = join(dirname(folder), 'app');
    cpSync('helm/lazypirate-demo/files/app.mjs', join(mount, '..data/app.mjs'));
    symlinkSync('..data/app.mjs', join(mount, 'app.mjs'));
    const { address } = await startServe(t, []);
    const app = Program.start(t, process.execPath, [join(mount, 'app.mjs'), '1000', '20', address], {});
    assert.deepEqual([(await app.ended).code, app.stderr], [0, []]);
    const { requests, replies, done } = JSON.parse(app.stdout.at(-1) ?? '');
    assert.deepEqual({ requests, replies, done }, { requests: 20, replies: 20, done: true });
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
    const status = await (await fetch(`${sidecar.inspect}/status`)).json();
    assert.equal((status as { version: string }).version, version);
    const page = await fetch(sidecar.inspect, { headers: { accept: 'text/html' } });
    assert.match(await page.text(), /^<!doctype html>/);
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

  test('is started, reloaded and stopped as the systemd unit says', async (t) => {
    const unit = readUnit();
    const config = scratch();
    chmodSync(config, 0o755);
    const file = join(config, 'lazypirate.yaml');
    const route =
      '{ name: a, listen: "tcp://127.0.0.1:0", wait: 0, upstream: { endpoints: ["tcp://127.0.0.1:1"] } }';
    const yaml = (level: string) =>
      `{ admin: { listen: "127.0.0.1:0", inspect: "127.0.0.1:0" }, log: { level: ${level} }, routes: [${route}] }`;
    writeFileSync(file, yaml('info'));
    const start = () => {
      const [node = '', main = '', ...args] = unit('ExecStart').split(' ');
      assert.deepEqual([node, main], ['/usr/bin/node', '/opt/lazypirate/main.cjs']);
      assert.equal(args.at(-1), '/etc/lazypirate/lazypirate.yaml');
      const variables = unit('Environment').split(' ');
      const [env = '', ...through] = ['env', '-C', '/', ...variables, ...asNobody(), process.execPath];
      return Program.start(t, env, [...through, join(folder, 'main.cjs'), ...args.slice(0, -1), file]);
    };
    const program = start();
    await program.logged('started');
    writeFileSync(file, yaml('debug'));
    assert.match(unit('ExecReload'), /kill -HUP/);
    program.kill('SIGHUP');
    await program.logged('reload applied');
    program.kill('SIGTERM');
    assert.deepEqual(await program.ended, { code: 0, signal: null });
    writeFileSync(file, 'routes: []');
    const { code } = await start().ended;
    assert.equal(String(code), unit('RestartPreventExitStatus'), 'it would be started again and again');
  });

  test('shows the demo', async (t) => {
    assert.match(await lazypirate(t, 'demo', '--for', '1s'), /[\d,]+ replies, 0 lost/);
  });
});

test('npx starts the source in a checkout, even beside an old build, and the build where there is no source', async (t) => {
  const folder = scratch();
  cpSync('config/bin.cjs', join(folder, 'config/bin.cjs'));
  const { bin } = JSON.parse(readFileSync('package.json', 'utf8'));
  assert.deepEqual(bin, { lazypirate: 'config/bin.cjs' });
  const started = async (...options: string[]) => {
    const args = [...options, join(folder, bin.lazypirate), '--version'];
    const program = Program.start(t, process.execPath, args);
    const { code } = await program.ended;
    return [code, ...program.stdout, ...program.stderr];
  };
  assert.deepEqual(await started(), [
    1,
    'lazypirate: there is nothing to run here: copy the folder dist too',
  ]);
  cpSync(dirname(build()), join(folder, 'dist'), { recursive: true });
  assert.deepEqual(await started(), [0, `lazypirate ${version}`]);
  mkdirSync(join(folder, 'src'));
  writeFileSync(join(folder, 'src/main.ts'), "console.log('the source' satisfies string, process.argv[2]);");
  assert.deepEqual(await started(), [0, 'the source --version']);
  rmSync(join(folder, 'dist'), { recursive: true });
  const [code, words] = await started('--no-strip-types');
  assert.match(
    `${code} ${words}`,
    /^1 lazypirate: this is Node .*, which cannot run TypeScript: run "npm ci"/,
  );
});

test('the systemd unit is valid and keeps what it runs in a sandbox', {
  skip: lacks('systemd-analyze'),
}, () => {
  const file = join(scratch(), 'lazypirate.service');
  const text = readFileSync(UNIT, 'utf8');
  assert.match(text, /^\[Install\]\nWantedBy=multi-user\.target$/m);
  // Of programs it looks whether they are there.
  writeFileSync(file, text.replaceAll('/usr/bin/node', process.execPath));
  run('systemd-analyze', ['verify', '--recursive-errors=no', file]);
  // From 0, as safe as can be, to 100.
  run('systemd-analyze', ['security', '--offline=true', '--threshold=20', '--no-pager', file]);
});

/** What the unit sets. */
function readUnit(): (key: string) => string {
  const lines = readFileSync(UNIT, 'utf8').split('\n');
  return (key) => {
    const found = lines.filter((line) => line.startsWith(`${key}=`));
    assert.equal(found.length, 1, key);
    return found[0]?.slice(key.length + 1) ?? '';
  };
}

/** Whom nothing here belongs to, where that can be had. */
function asNobody(): string[] {
  const isRoot = process.getuid?.() === 0;
  return isRoot
    ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs', '--inh-caps=-all']
    : [];
}
