import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Program, startSidecar } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

/* What hangs here does so for longer than `until` waits, or for ever. */

const CONFIG = (upstream: string) => `
admin: { listen: "127.0.0.1:0" }
drain: { timeout: 1s }
routes: [{ name: orders, listen: "tcp://127.0.0.1:0", upstream: ${upstream} }]
`;

function fileOf(name: string, text: string): string {
  const file = join(scratch(), name);
  writeFileSync(file, text);
  return file;
}

async function ends(program: Program): Promise<void> {
  program.kill('SIGTERM');
  await until('it has ended', () => program.child.exitCode !== null);
  assert.equal(program.child.exitCode, 0);
}

/** Each is asked five times and waited for as long as the system allows: 450 s. */
const NAME_SERVERS = ['198.18.0.53', '198.18.0.54', '198.18.0.55'];
/** A network of its own, in which every packet to the name servers vanishes. */
const NETWORK = ['unshare', '--net', '--mount'];
const SET_UP = `ip link set lo up && ip link add cable type veth peer name end && ip link set end up &&
  ip link set cable up && ip address add 198.18.0.1/24 dev cable &&
  ${NAME_SERVERS.map((ip) => `ip neighbour add ${ip} lladdr 02:00:00:00:00:02 dev cable nud permanent &&`).join(' ')}
  mount --bind "$0" "$(readlink -f /etc/resolv.conf)" && exec "$@"`;

function missing(): string | false {
  const [unshare = '', ...rest] = NETWORK;
  const { status } = spawnSync(unshare, [...rest, 'sh', '-c', SET_UP, '/etc/resolv.conf', 'true']);
  return status !== 0 && 'needs the right to make network namespaces';
}

test('a name server that drops everything does not hold up the exit', { skip: missing() }, async (t) => {
  const lines = [...NAME_SERVERS.map((ip) => `nameserver ${ip}`), 'options timeout:30 attempts:5', ''];
  const resolvConf = fileOf('resolv.conf', lines.join('\n'));
  const config = fileOf('config.yaml', CONFIG('{ dns: { name: orders.shop.svc, port: 7000 } }'));
  const through = [...NETWORK, 'sh', '-c', SET_UP, resolvConf];
  const program = Program.lazypirate(t, ['run', '--config', config], { through });
  await program.logged('started');
  await ends(program);
});

test('neither a thread that hangs nor a credential plugin that never ends holds up the exit', async (t) => {
  const fifo = join(scratch(), 'fifo');
  assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
  // From then on all four threads of Node wait for what nobody writes.
  const hook = `import { readFile } from 'node:fs';
    process.on('SIGTERM', () => {
      for (let thread = 0; thread < 4; thread++) readFile(${JSON.stringify(fifo)}, () => undefined);
    });`;
  // It reads from a pipe that only the end of the sidecar closes.
  const plugin = { apiVersion: 'client.authentication.k8s.io/v1', command: 'cat' };
  const kubeconfig = {
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server: 'https://127.0.0.1:1' } }],
    users: [{ name: 'test', user: { exec: plugin } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
  };
  const env = {
    KUBECONFIG: fileOf('kubeconfig', JSON.stringify(kubeconfig)),
    NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(hook)}`,
  };
  const config = fileOf('config.yaml', CONFIG('{ kubernetes: { service: orders, port: zmq } }'));
  const { program } = await startSidecar(t, ['--config', config], { env });
  await ends(program);
});
