import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from './built.ts';

const ROOT = new URL('../../', import.meta.url);

export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** Whatever ends with the test: a `TestContext`, or a list that a benchmark empties. */
export interface Scope {
  after(end: () => unknown): void;
}

/** As `main`: the sidecar from source, for tests that change or use its modules. */
export const FROM_SOURCE = 'src/main.ts';

export interface ProgramOptions {
  main?: string;
  env?: NodeJS.ProcessEnv;
  /** A command in front that becomes the program by `exec`, as `prlimit --nofile=60` does. */
  through?: readonly string[];
}

/** What each process of Node gets beside its own environment: code that it loads first (stalls.ts, under-load.ts), compiled code. */
function forTests(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const {
    LAZYPIRATE_TEST_OPTIONS: options,
    TEST_STALLS_FOLDER: folder,
    // Set by `npm test`: with it a process from source starts in half the time.
    NODE_COMPILE_CACHE: compiled,
  } = process.env;
  return {
    ...(options && { NODE_OPTIONS: `${env['NODE_OPTIONS'] ?? ''} ${options}` }),
    ...(folder !== undefined && { TEST_STALLS_FOLDER: folder }),
    ...(compiled && { NODE_COMPILE_CACHE: env['NODE_COMPILE_CACHE'] ?? resolve(compiled) }),
  };
}

/** The addon of zeromq says so if libzmq's threads need more than half a second to end, as on a busy machine (module.h). */
const SLOW_EXIT = /^\(node:\d+\) WARNING: Waiting for queued ZeroMQ messages to be delivered\./;

/** A process under test, what it has printed, and its end. It never outlives its scope. */
export class Program {
  readonly child: ChildProcess;
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  readonly ended: Promise<Ending>;
  readonly #watchers = new Set<() => void>();

  private constructor(child: ChildProcess) {
    this.child = child;
    this.#collect(child.stdout, this.stdout);
    this.#collect(child.stderr, this.stderr);
    this.ended = once(child, 'close').then(([code, signal]) => {
      this.#tell();
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  static start(scope: Scope, program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], ...env, ...forTests(env) },
    });
    const started = new Program(child);
    scope.after(async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await started.ended;
    });
    return started;
  }

  /**
   * `lazypirate ARGS`, bundled unless `main` says otherwise: from source it needs twice the time to start. Its inspect door has any port,
   * because several run at the same time. An empty LAZYPIRATE_ADMIN_INSPECT leaves that to the configuration.
   */
  static lazypirate(
    scope: Scope,
    args: readonly string[],
    { main = build(), env = {}, through = [] }: ProgramOptions = {},
  ): Program {
    const file = fileURLToPath(new URL(main, ROOT));
    const [program = '', ...rest] = [...through, process.execPath, file, ...args];
    return Program.start(scope, program, rest, { LAZYPIRATE_ADMIN_INSPECT: '127.0.0.1:0', ...env });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** The first line of standard output, past or to come, of which `read` makes something. */
  line<T>(read: (line: string) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      let next = 0;
      const look = () => {
        for (; next < this.stdout.length; next++) {
          const found = read(this.stdout[next] ?? '');
          if (found === undefined) continue;
          this.#watchers.delete(look);
          return resolve(found);
        }
        if (this.child.exitCode !== null || this.child.signalCode !== null) {
          this.#watchers.delete(look);
          reject(
            new Error(`it ended before it printed that:\n${[...this.stdout, ...this.stderr].join('\n')}`),
          );
        }
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** The first log line with this message. */
  logged(message: string): Promise<Record<string, unknown>> {
    return this.line((line) => {
      if (!line.startsWith('{')) return undefined;
      const entry = JSON.parse(line) as Record<string, unknown>;
      return entry['msg'] === message ? entry : undefined;
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  #collect(stream: NodeJS.ReadableStream | null, lines: string[]): void {
    if (stream === null) return;
    createInterface({ input: stream }).on('line', (line) => {
      if (!SLOW_EXIT.test(line)) lines.push(line);
      this.#tell();
    });
  }

  #tell(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

export interface RunningSidecar {
  program: Program;
  /** Where the app connects to. */
  address: string;
  /** `http://127.0.0.1:PORT` */
  admin: string;
  /** `http://127.0.0.1:PORT` */
  inspect: string;
  metric(name: string): Promise<number>;
}

/** A sidecar of its own process, ready to serve. */
export async function startSidecar(
  scope: Scope,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<RunningSidecar> {
  const program = Program.lazypirate(scope, ['run', '--admin-listen', '127.0.0.1:0', ...args], options);
  const [{ address }, { address: admin }, { address: inspect }] = await Promise.all([
    program.logged('listening'),
    program.logged('admin listening'),
    program.logged('inspect listening'),
  ]);
  const base = `http://${admin}`;
  return {
    program,
    address: String(address),
    admin: base,
    inspect: `http://${inspect}`,
    metric: async (name) => {
      const text = await (await fetch(`${base}/metrics`)).text();
      const line = text.split('\n').find((one) => one.startsWith(`${name} `));
      return Number(line?.slice(name.length + 1));
    },
  };
}

/** An echo upstream of its own process, that can be killed and stopped. */
export async function startServe(
  scope: Scope,
  args: readonly string[] = [],
  address = 'tcp://127.0.0.1:*',
): Promise<{ program: Program; address: string }> {
  const program = Program.lazypirate(scope, ['serve', address, ...args]);
  return { program, address: await program.line((line) => /^serving (\S+)/.exec(line)?.[1]) };
}

/** How many requests such upstreams have answered: they tell so when they leave, as they are told to here. */
export async function answeredBy(...serves: readonly Program[]): Promise<number> {
  for (const serve of serves) serve.kill('SIGTERM');
  const counts = serves.map((serve) => serve.line((line) => /^answered (\d+)/.exec(line)?.[1]));
  return (await Promise.all(counts)).reduce((sum, count) => sum + Number(count), 0);
}
