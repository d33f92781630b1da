import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { parseArguments } from '../config/text/arguments.ts';
import { StartError } from '../errors.ts';
import { pause } from '../lifecycle/pause.ts';
import type { Command, Terminal } from './command.ts';
import { type Answer, DemoFigures } from './demo-figures.ts';
import {
  counts,
  type DemoUpstream,
  killLines,
  latencies,
  progress,
  type StatusPage,
  summary,
  upstreamLines,
} from './demo-table.ts';
import { Screen } from './screen.ts';
import { parseTime } from './time-argument.ts';

const APPS = 8;
const UPSTREAMS = 3;
const KILL_EVERY_MS = 3_000;
const DOWN_FOR_MS = 700;
const SHORTEST_MS = 1_000;
/** How often the table is redrawn or, without a terminal, how often a line is written. */
const REDRAW_MS = 250;
const LINE_MS = 2_000;
/** Work that an upstream does for each request, so that a kill finds some in flight. */
const SERVICE_TIME = '5ms';

const help = `Usage: lazypirate demo [--for D]

Starts ${UPSTREAMS} upstream servers, the sidecar and ${APPS} app clients on this machine. The apps are plain REQ sockets: no timeout, no retry.
Every ${KILL_EVERY_MS / 1_000} s an upstream is killed with SIGKILL, and restarted (later if the last restart took longer).

  --for D   how long to run, from 1s to 24h (20s)

failed: the app got a failure reply. crossed: the app got the reply to another request. Neither should happen.
Exit code 0 if every request got its own reply, 1 if not, 2 if the arguments are wrong.
`;

export const demo: Command = {
  name: 'demo',
  summary: 'watch upstreams being killed while apps send requests',
  help,
  async run(args, terminal) {
    const durationMs = durationOf(args);
    const screen = new Screen(terminal);
    screen.print(
      `lazypirate demo: ${APPS} plain REQ sockets -> sidecar -> ${UPSTREAMS} upstreams`,
      `Every ${KILL_EVERY_MS / 1_000} s an upstream is killed with SIGKILL, and restarted.`,
      '',
    );
    const left = new AbortController();
    // Whoever read is gone, as `demo | head` goes, or the terminal is.
    terminal.stdout.on('error', () => left.abort());
    terminal.onHangup(() => left.abort());
    const stop = AbortSignal.any([terminal.interrupted, left.signal]);
    const children = new Children(terminal);
    try {
      const started = await start(children, screen, stop);
      if (started === undefined) return 1;
      const figures = await play(children, screen, started, durationMs, stop);
      screen.print('', ...summary(figures));
      return figures.lost === 0 && figures.crossed === 0 ? 0 : 1;
    } finally {
      children.end();
    }
  },
};

interface Started {
  upstreams: readonly DemoUpstream[];
  listen: string;
  admin: string;
  inspect: string;
}

/** `undefined` where it was stopped before everything was ready. */
async function start(children: Children, screen: Screen, stop: AbortSignal): Promise<Started | undefined> {
  const end = () => children.end();
  stop.addEventListener('abort', end);
  try {
    screen.show(`starting ${UPSTREAMS} upstreams...`);
    const upstreams = await Promise.all(Array.from({ length: UPSTREAMS }, () => startUpstream(children)));
    screen.show('starting the sidecar...');
    return { upstreams, ...(await startSidecar(children, upstreams)) };
  } catch (error) {
    if (!stop.aborted) throw error;
    return undefined;
  } finally {
    stop.removeEventListener('abort', end);
  }
}

async function play(
  children: Children,
  screen: Screen,
  { upstreams, listen, admin, inspect }: Started,
  durationMs: number,
  stop: AbortSignal,
): Promise<DemoFigures> {
  const figures = new DemoFigures();
  const end = AbortSignal.any([AbortSignal.timeout(durationMs), stop]);
  const apps = Array.from({ length: APPS }, (_, number) => runApp(number, listen, figures, end));
  await Promise.all([
    ...apps,
    killUpstreams(children, upstreams, figures, end),
    watch(screen, { admin, inspect, upstreams, figures, durationMs }, end),
  ]);
  return figures;
}

function durationOf(args: string[]): number {
  const { values } = parseArguments('demo', { args, options: { for: { type: 'string', default: '20s' } } });
  return parseTime('--for', values.for, SHORTEST_MS);
}

/** Processes of our own program. None outlives the demo. */
class Children {
  readonly #self: readonly [string, ...string[]];
  readonly #env: Record<string, string | undefined>;
  readonly #running = new Set<ChildProcess>();

  constructor({ self, env, onExit }: Pick<Terminal, 'self' | 'env' | 'onExit'>) {
    this.#self = self;
    // Without the configuration of a sidecar that is there already.
    this.#env = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('LAZYPIRATE_')));
    onExit(() => this.end());
  }

  /** Starts one and waits for a line of its output that means it is ready. */
  async start<T>(
    args: string[],
    ready: (line: string) => T | undefined,
  ): Promise<{ child: ChildProcess; value: T }> {
    const [program, ...first] = this.#self;
    // In a process group of its own: Ctrl-C is for the demo, which then waits for its last replies.
    const child = spawn(program, [...first, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
      env: this.#env,
    });
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
  return { address: value, child, isKilled: false, kills: 0 };
}

async function startSidecar(children: Children, upstreams: readonly DemoUpstream[]) {
  const endpoints = upstreams.map(({ address }) => address).join(',');
  const found: { listen?: string; admin?: string; inspect?: string } = {};
  const args = [
    'run',
    '--listen',
    'tcp://127.0.0.1:0',
    '--admin-listen',
    '127.0.0.1:0',
    '--admin-inspect',
    '127.0.0.1:0',
    '--upstream',
    endpoints,
  ];
  const { value } = await children.start([...args, '--log-level', 'info'], (line) => {
    const { msg, address } = JSON.parse(line) as { msg?: string; address?: string };
    if (msg === 'listening' && address) found.listen = address;
    if (msg === 'admin listening' && address) found.admin = address;
    if (msg === 'inspect listening' && address) found.inspect = address;
    const { listen, admin, inspect } = found;
    if (listen === undefined || admin === undefined || inspect === undefined) return undefined;
    return { listen, admin, inspect };
  });
  return value;
}

/** A plain REQ socket, without any timeout: what an app is that trusts its sidecar. */
async function runApp(number: number, listen: string, figures: DemoFigures, end: AbortSignal): Promise<void> {
  const { Request, context } = await import('./zeromq-sockets.ts');
  const socket = new Request({ context, linger: 0 });
  socket.connect(listen);
  for (let sequence = 0; !end.aborted; sequence++) {
    const question = `app ${number}, request ${sequence}`;
    const sentMs = performance.now();
    figures.asked++;
    await socket.send(question);
    const answer = String(await socket.receive());
    figures.settled(sentMs, performance.now(), answer === question ? 'own' : failureOr(answer));
  }
  socket.close();
}

function failureOr(answer: string): Answer {
  return answer.startsWith('{"lazypirate":') ? 'failed' : 'crossed';
}

async function killUpstreams(
  children: Children,
  upstreams: readonly DemoUpstream[],
  figures: DemoFigures,
  end: AbortSignal,
): Promise<void> {
  let dueMs = performance.now() + KILL_EVERY_MS;
  for (let turn = 0; await pause(Math.max(0, dueMs - performance.now()), end); turn++) {
    const index = turn % upstreams.length;
    const upstream = upstreams[index];
    if (upstream === undefined) return;
    dueMs = performance.now() + KILL_EVERY_MS;
    figures.killed(index + 1, upstream.child.pid);
    Object.assign(upstream, { isKilled: true, kills: upstream.kills + 1 });
    upstream.child.kill('SIGKILL');
    await once(upstream.child, 'exit');
    if (!(await pause(DOWN_FOR_MS, end))) return;
    const { child } = await startUpstream(children, upstream.address);
    Object.assign(upstream, { child, isKilled: false });
  }
}

interface Watched {
  admin: string;
  inspect: string;
  upstreams: readonly DemoUpstream[];
  figures: DemoFigures;
  durationMs: number;
}

/** Reads the sidecar's own status and shows it, until the end. */
async function watch(
  screen: Screen,
  { admin, inspect, upstreams, figures, durationMs }: Watched,
  end: AbortSignal,
): Promise<void> {
  const metrics = `metrics: http://${admin}/metrics`;
  if (!screen.isLive) screen.print(metrics);
  do {
    const response = await fetch(`http://${inspect}/status`);
    const page = (await response.json()) as StatusPage;
    const state = progress(figures, durationMs);
    if (screen.isLive) {
      const table = upstreamLines(upstreams, page);
      const totals = [counts(figures), latencies(figures)];
      screen.show(...table, '', `${state}   ${metrics}`, ...totals, '', ...killLines(figures));
    } else screen.print(`${state}: ${counts(figures)}  ${latencies(figures)}`);
  } while (await pause(screen.isLive ? REDRAW_MS : LINE_MS, end));
}
