import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { App, ask } from '../support/ask.ts';
import { AS_IN_IMAGE } from '../support/built.ts';
import { BASE, buildImage, imageSkip, RESTRICTED } from '../support/image.ts';
import { Program, type Scope, startServe } from '../support/program.ts';
import { run } from '../support/tools.ts';

const IMAGE = `localhost/lazypirate:test-${process.pid}`;
const MB = 1_000_000;

interface Container {
  program: Program;
  name: string;
  address: string;
  admin: string;
  inspect: string;
}

let count = 0;

/** A sidecar in a container of its own, that listens. */
async function startContainer(scope: Scope, upstream: string): Promise<Container> {
  const name = `lazypirate-test-${process.pid}-${++count}`;
  const env = [
    `LAZYPIRATE_UPSTREAM=${upstream}`,
    'LAZYPIRATE_LISTEN=tcp://127.0.0.1:0',
    'LAZYPIRATE_ADMIN_LISTEN=127.0.0.1:0',
    'LAZYPIRATE_ADMIN_INSPECT=127.0.0.1:0',
  ];
  const program = Program.start(scope, 'podman', [
    'run',
    ...RESTRICTED,
    `--name=${name}`,
    ...env.map((one) => `--env=${one}`),
    IMAGE,
  ]);
  scope.after(() => run('podman', ['rm', '--force', '--ignore', '--time=0', name]));
  const [{ address }, { address: admin }, { address: inspect }] = await Promise.all([
    program.logged('listening'),
    program.logged('admin listening'),
    program.logged('inspect listening'),
  ]);
  return { program, name, address: String(address), admin: `http://${admin}`, inspect: String(inspect) };
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
}

describe('the image', { skip: imageSkip() }, () => {
  before(() => buildImage(IMAGE));
  after(() => run('podman', ['rmi', '--force', '--ignore', IMAGE]));

  test('starts the sidecar directly, as a numeric user that is not root, and has its labels', () => {
    const [{ Config: config }] = JSON.parse(run('podman', ['image', 'inspect', IMAGE]));
    assert.equal(config.User, '65532:65532');
    assert.deepEqual(config.Entrypoint, ['/nodejs/bin/node', '/lazypirate/dist/main.cjs']);
    assert.deepEqual(config.Cmd, ['run']);
    // Tests and benchmarks that run the bundle set these by themselves.
    for (const name of ['NODE_OPTIONS', 'MALLOC_ARENA_MAX'] as const)
      assert.ok(config.Env.includes(`${name}=${AS_IN_IMAGE[name]}`), name);
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    assert.equal(run('podman', ['run', ...RESTRICTED, IMAGE, '--version']), `lazypirate ${version}\n`);
    const label = (name: string) => config.Labels[`org.opencontainers.image.${name}`];
    assert.equal(label('version'), '1.2.3');
    assert.equal(label('revision'), 'abc');
    assert.equal(label('source'), 'https://example.com/lazypirate');
    assert.equal(label('licenses'), 'Apache-2.0');
    assert.equal(label('base.name'), BASE);
  });

  test('adds less than 12 MB to its base, and nothing for other platforms, compilers or debuggers', (t) => {
    const mounted = run('podman', ['image', 'mount', IMAGE]).trim();
    t.after(() => run('podman', ['image', 'unmount', IMAGE]));
    const directory = join(mounted, 'lazypirate');
    const files = filesBelow(directory);
    const odd = files.filter(
      (file) => /\.(map|bare|[cm]?ts)$/.test(file) || /\/(darwin|win32|musl)\b.*\//.test(file),
    );
    assert.deepEqual(odd, []);
    assert.deepEqual(readdirSync(directory).sort(), ['bin', 'compiled', 'dist']);
    const addons = files.filter((file) => file.endsWith('.node'));
    assert.deepEqual(addons, [`dist/zeromq-linux-${process.arch}-glibc.node`]);
    for (const license of ['LICENSE', 'LICENSES.txt', 'lazypirate.cdx.json'])
      assert.ok(files.includes(`dist/${license}`), license);
    const bytes = files.reduce((sum, file) => sum + statSync(join(directory, file)).size, 0);
    t.diagnostic(`it adds ${(bytes / MB).toFixed(1)} MB in ${files.length} files to its base`);
    assert.ok(bytes < 12 * MB, `${bytes} bytes`);
  });

  test('serves, passes its probes and drains, with a read-only root and without any capability', async (t) => {
    const serve = await startServe(t, ['--delay', '300ms']);
    const { program, name, address, admin, inspect } = await startContainer(t, serve.address);

    const [{ State: state }] = JSON.parse(run('podman', ['inspect', name]));
    const status = readFileSync(`/proc/${state.Pid}/status`, 'utf8');
    const of = (key: string) => new RegExp(`^${key}:\\s+(\\S+)`, 'm').exec(status)?.[1];
    assert.equal(of('Uid'), '65532');
    for (const set of ['CapPrm', 'CapEff', 'CapBnd']) assert.equal(of(set), '0000000000000000', set);
    assert.equal(of('NoNewPrivs'), '1');
    const root = readFileSync(`/proc/${state.Pid}/mounts`, 'utf8')
      .split('\n')
      .find((line) => line.split(' ')[1] === '/');
    assert.match(root ?? '', / ro,/);
    const listening = await program.logged('listening');
    const startMs = Date.parse(String(listening['time'])) - Date.parse(state.StartedAt);
    t.diagnostic(`it listens ${startMs} ms after its container has started`);
    const rssKiB = Number(of('VmRSS'));
    t.diagnostic(`it has ${(rssKiB / 1024).toFixed(0)} MiB RSS`);

    for (const path of ['startupz', 'livez', 'readyz', 'metrics'])
      assert.equal((await fetch(`${admin}/${path}`)).status, 200, path);
    const app = new App(address);
    t.after(() => app.close());
    assert.equal((await app.ask('hello')).text, 'hello');

    // As with kubectl exec: there is no shell.
    const explained = run('podman', ['exec', name, 'lazypirate', 'explain', '--inspect', inspect]);
    assert.match(explained, /^WORKING {2}All is well\./);
    const table = run('podman', ['exec', name, 'node', 'dist/main.cjs', 'status', '--inspect', inspect]);
    assert.match(table, /^default +working +tcp:/m);

    const asked = ask(address, 'the last one');
    const inFlight = 'lazypirate_in_flight_requests{route="default"} 1';
    while (!(await (await fetch(`${admin}/metrics`)).text()).includes(inFlight));
    program.kill('SIGTERM');
    assert.equal((await asked).text, 'the last one');
    assert.deepEqual(await program.ended, { code: 0, signal: null });
    await program.logged('drained');
  });

  test('reports a mistake in the configuration and exits with 2', async (t) => {
    const program = Program.start(t, 'podman', [
      'run',
      ...RESTRICTED,
      IMAGE,
      'run',
      '--upstream',
      'tcp://nowhere',
    ]);
    assert.deepEqual(await program.ended, { code: 2, signal: null });
    assert.match(program.stderr.join('\n'), /upstream/);
  });
});
