import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { Request } from 'zeromq';
import { parseArguments, parseValue } from '../config/arguments.ts';
import { parseDuration } from '../config/units.ts';
import { StartError } from '../errors.ts';
import { context } from '../proxy/context.ts';
import type { Command } from './command.ts';
import { DemoTable, type DemoUpstream, type StatusPage } from './demo-table.ts';

const APPS = 8;
const UPSTREAMS = 3;
const KILL_EVERY_MS = 1_500;
const DOWN_FOR_MS = 700;
const SHORTEST_MS = 1_000;
const LONGEST_MS = 24 * 3_600_000;
/** Work that an upstream does for each request, so that a kill finds some in flight. */
const SERVICE_TIME = '5ms';

const help = `Usage: lazypirate demo [--for D]

Starts ${UPSTREAMS} upstreams, a sidecar and an app with ${APPS} plain REQ sockets, all on this machine, and kills an upstream with
SIGKILL every ${KILL_EVERY_MS / 1000} s. Shows what comes of it, and ends by itself.

  --for D   how long it goes on, 24h at most (20s)

Exit code 0 only if every request got its own reply.
`;

export const demo: Command = {
  name: 'demo',
  summary: 'watch it survive: upstreams are killed while an app sends requests',
  help,
  async run(args, terminal) {
    const durationMs = durationOf(args);
    const children = new Children(terminal.self);
    try {
      const upstreams = await Promise.all(Array.from({ length: UPSTREAMS }, () => startUpstream(children)));
      const { listen, admin } = await startSidecar(children, upstreams);
      const table = new DemoTable(terminal.stdout, durationMs, { listen, admin, upstreams, apps: APPS });
      const unread = new AbortController();
      // Whoever read is gone, as `demo | head` goes.
      terminal.stdout.on('error', () => unread.abort());
      const end = AbortSignal.any([AbortSignal.timeout(durationMs), terminal.interrupted, unread.signal]);
      const apps = Array.from({ length: APPS }, (_, number) => runApp(number, listen, table, end));
      await Promise.all([...apps, killUpstreams(children, upstreams, table, end), watch(admin, table, end)]);
      return table.close() ? 0 : 1;
    } finally {
      children.end();
    }
  },
};

function durationOf(args: string[]): number {
  const { values } = parseArguments('demo', { args, options: { for: { type: 'string', default: '20s' } } });
  return parseValue('--for', durationInBounds, values.for);
}

function durationInBounds(text: string): number {
  const durationMs = parseDuration(text);
  if (durationMs < SHORTEST_MS || durationMs > LONGEST_MS)
    throw new Error(`must be from 1s to 24h, not ${text}`);
  return durationMs;
}

/** Processes of our own program. None outlives the demo. */
class Children {
  readonly #self: readonly [string, ...string[]];
  readonly #running = new Set<ChildProcess>();

  constructor(self: readonly [string, ...string[]]) {
    this.#self = self;
  }

  /** Starts one and waits for a line of its output that means it is ready. */
  async start<T>(
    args: string[],
    ready: (line: string) => T | undefined,
  ): Promise<{ child: ChildProcess; value: T }> {
    const [program, ...first] = this.#self;
    const child = spawn(program, [...first, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    for await (const line of createInterface({ input: child.stdout })) {
      const value = ready(line);
      if (value === undefined) continue;
      child.stdout.resume();
      return { child, value };
    }
    throw new StartError(`demo: lazypirate ${args[0]} ended before it was ready`);
  }

  end(): void {
    for (const child of this.#running) child.kill('SIGKILL');
  }
}

async function startUpstream(children: Children, address = 'tcp://127.0.0.1:*'): Promise<DemoUpstream> {
  const args = ['serve', address, '--delay', SERVICE_TIME];
  const { child, value } = await children.start(args, (line) => /tcp:\/\/\S+/.exec(line)?.[0]);
  return { address: value, child, killedMs: undefined, kills: 0 };
}

async function startSidecar(children: Children, upstreams: readonly DemoUpstream[]) {
  const endpoints = upstreams.map(({ address }) => address).join(',');
  const found: { listen?: string; admin?: string } = {};
  const args = [
    'run',
    '--listen',
    'tcp://127.0.0.1:0',
    '--admin-listen',
    '127.0.0.1:0',
    '--upstream',
    endpoints,
  ];
  const { value } = await children.start([...args, '--log-level', 'info'], (line) => {
    const { msg, address } = JSON.parse(line) as { msg?: string; address?: string };
    if (msg === 'listening' && address) found.listen = address;
    if (msg === 'admin listening' && address) found.admin = address;
    const { listen, admin } = found;
    return listen !== undefined && admin !== undefined ? { listen, admin } : undefined;
  });
  return value;
}

/** A plain REQ socket, without any timeout: what an app is that trusts its sidecar. */
async function runApp(number: number, listen: string, table: DemoTable, end: AbortSignal): Promise<void> {
  const socket = new Request({ context, linger: 0 });
  socket.connect(listen);
  for (let sequence = 0; !end.aborted; sequence++) {
    const question = `app ${number}, request ${sequence}`;
    const sentMs = performance.now();
    table.asked();
    await socket.send(question);
    const answer = String(await socket.receive());
    table.answered(sentMs, performance.now(), answer === question ? 'own' : failureOr(answer));
  }
  socket.close();
}

function failureOr(answer: string): 'failed' | 'crossed' {
  return answer.startsWith('{"lazypirate":') ? 'failed' : 'crossed';
}

async function killUpstreams(
  children: Children,
  upstreams: readonly DemoUpstream[],
  table: DemoTable,
  end: AbortSignal,
): Promise<void> {
  for (let turn = 0; await pause(KILL_EVERY_MS, end); turn++) {
    const upstream = upstreams[turn % upstreams.length];
    if (upstream === undefined) return;
    table.killed(upstream);
    upstream.child.kill('SIGKILL');
    await once(upstream.child, 'exit');
    if (!(await pause(DOWN_FOR_MS, end))) return;
    const { child } = await startUpstream(children, upstream.address);
    table.restarted(upstream, child);
  }
}

/** Reads the sidecar's own status and draws, until the end. */
async function watch(admin: string, table: DemoTable, end: AbortSignal): Promise<void> {
  do {
    const response = await fetch(`http://${admin}/status`);
    table.draw((await response.json()) as StatusPage);
  } while (await pause(table.intervalMs, end));
}

/** `false` where the end came first. */
async function pause(ms: number, end: AbortSignal): Promise<boolean> {
  await setTimeout(ms, undefined, { signal: end }).catch(() => undefined);
  return !end.aborted;
}
