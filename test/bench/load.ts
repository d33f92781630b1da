import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Program, type Scope, startServe } from '../support/program.ts';
import { native } from './native.ts';

export interface Load {
  ports: readonly number[];
  clients: number;
  /** Of a request, in bytes. */
  size: number;
  seconds: number;
  /** Requests a second that are due; 0: each client asks anew once it has its reply. */
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

/** Loads, and reads what these processes spend on it. @throws on any reply that is wrong, and where one never comes */
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

/** An upstream that echoes and costs little, in C where that is possible. It can be had under many addresses. */
export async function startEcho(scope: Scope): Promise<{ address: string; port: number }> {
  const program = native('echo');
  if (program === undefined) {
    console.warn(
      'Load and upstreams are Node processes: they are the bottleneck, so the figures say little.',
    );
    const { address } = await startServe(scope);
    return { address, port: portOf(address) };
  }
  const echo = Program.start(scope, program, []);
  const address = await echo.line((line) => /^serving (\S+)/.exec(line)?.[1]);
  return { address, port: portOf(address) };
}

export function portOf(address: string): number {
  return Number(/\d+$/.exec(address)?.[0]);
}
