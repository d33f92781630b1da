import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Program, type Scope, startServe } from '../support/program.ts';
import { native } from './native.ts';

export interface Load {
  ports: readonly number[];
  clients: number;
  /** Bytes per request. */
  size: number;
  seconds: number;
  /** Requests per second in an open loop; 0: each client sends its next request when it has its reply. */
  rate: number;
}

/** What one run of the load generator found. Times in µs. */
export interface Found {
  requests: number;
  seconds: number;
  p50: number;
  p99: number;
  p999: number;
  max: number;
  /** CPU time that the measured processes have used. */
  cpuMs: number;
  /** CPU time of the load generator itself. */
  ownCpuMs: number;
}

const IN_NODE = fileURLToPath(new URL('load-in-node.ts', import.meta.url));

/** Runs the load and measures the CPU time of the given processes. @throws if a reply is wrong or missing */
export async function load(
  { ports, clients, size, seconds, rate }: Load,
  pids: readonly number[],
): Promise<Found> {
  const args = [ports.join(','), clients, size, seconds, rate, ...pids].map(String);
  const program = native('load');
  const [command, first] = program === undefined ? [process.execPath, [IN_NODE]] : [program, []];
  const child = spawn(command, [...first, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (stdout === '') throw new Error(`load ${args.join(' ')}: ${stderr}`);
  return JSON.parse(stdout) as Found;
}

/** A cheap echo upstream, in C if possible. It listens on all addresses of the machine. */
export async function startEcho(scope: Scope): Promise<{ address: string; port: number }> {
  const program = native('echo');
  if (program === undefined) {
    console.warn(
      'No C compiler: load generator and upstreams are Node processes, which are the bottleneck. The figures mean little.',
    );
    const { address } = await startServe(scope);
    return { address, port: portOf(address) };
  }
  const echo = Program.start(scope, program, []);
  const address = await echo.line((line) => /^serving (\S+)/.exec(line)?.[1]);
  return { address, port: portOf(address) };
}

/** Addresses of an echo upstream: all those of the loopback network reach it. */
export function addressesOf(port: number, count: number): string[] {
  return Array.from(
    { length: count },
    (_, index) => `tcp://127.0.${index >> 7}.${(index & 127) + 1}:${port}`,
  );
}

export function portOf(address: string): number {
  return Number(/\d+$/.exec(address)?.[0]);
}
