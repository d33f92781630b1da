import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { build } from '../support/built.ts';
import { Program } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';

/** A pod of a cluster with IPv6 alone: IPv4 is there on loopback only, as everywhere. */
const POD = `ip link set lo up && ip link add eth0 type veth peer name far && ip link set far up &&
  ip link set eth0 up && ip address add fd00::2/64 dev eth0 nodad && exec "$@"`;

function missing(): string | false {
  const { status } = spawnSync('unshare', ['--net', 'sh', '-c', POD, 'sh', 'true']);
  return status !== 0 && 'needs the right to make network namespaces, and IPv6';
}

/** Runs in the network of the sidecar. */
function within(program: Program, ...command: string[]): string {
  const args = ['--net', '--target', String(program.pid), ...command];
  const { stdout, stderr, status } = spawnSync('nsenter', args, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
}

test('a pod with IPv6 alone needs no setting: the app, the upstream and the probes reach it', {
  skip: missing(),
}, async (t) => {
  const hosts = join(scratch(), 'hosts');
  writeFileSync(hosts, '127.0.0.1 localhost\n10.9.9.9 orders.shop.svc\nfd00::2 orders.shop.svc\n');
  const config = join(scratch(), 'config.yaml');
  writeFileSync(
    config,
    'routes: [{ name: orders, listen: "tcp://127.0.0.1:5555", upstream: { dns: { name: orders.shop.svc, port: 7000 } } }]',
  );
  const setUp = `mount --bind "$0" "$(readlink -f /etc/hosts)" && ${POD}`;
  const program = Program.lazypirate(t, ['run', '--config', config], {
    through: ['unshare', '--net', '--mount', 'sh', '-c', setUp, hosts],
    env: { POD_NAME: 'app-1' },
  });
  await program.logged('started');
  const serve = Program.start(t, 'nsenter', [
    ...['--net', '--target', String(program.pid)],
    ...[process.execPath, build(), 'serve', 'tcp://[fd00::2]:7000'],
  ]);
  await serve.line((line) => /^serving/.exec(line)?.[0]);
  const sent = within(program, process.execPath, build(), 'send', 'tcp://127.0.0.1:5555', 'hello');
  assert.match(sent, /hello/);
  for (const host of ['[fd00::2]', '127.0.0.1']) {
    const ask = `fetch('http://${host}:9555/readyz').then(async (page) => console.log(page.status))`;
    assert.equal(within(program, process.execPath, '--eval', ask).trim(), '200');
  }
});
