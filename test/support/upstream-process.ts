import { fileURLToPath } from 'node:url';
import { OWN_LOOPBACK } from './own-loopback.ts';
import { Program, type Scope } from './program.ts';

const UPSTREAM = fileURLToPath(new URL('./upstream.ts', import.meta.url));

interface Execution {
  body: string;
  atMs: number;
}

/** An upstream in a separate process. It can be killed and stopped, and the requests that it executed are known anyway. */
export class UpstreamProcess {
  readonly program: Program;
  readonly address: string;
  readonly #executions: Execution[] = [];
  /** How many lines have been read. */
  #read = 0;

  private constructor(program: Program, address: string) {
    this.program = program;
    this.address = address;
  }

  /** @param within a command that runs it, as `ip netns exec NAME` does */
  static async start(
    scope: Scope,
    address = `tcp://${OWN_LOOPBACK}:*`,
    within: readonly string[] = [],
  ): Promise<UpstreamProcess> {
    const [program = '', ...args] = [...within, process.execPath, UPSTREAM, address];
    const started = Program.start(scope, program, args);
    return new UpstreamProcess(started, await started.line((line) => /^serving (\S+)/.exec(line)?.[1]));
  }

  /** First frame, up to 256 bytes of it, of each request that has come, and when, by `performance.now` of this process. */
  get executions(): readonly Execution[] {
    const { stdout } = this.program;
    // Tests ask again and again.
    for (; this.#read < stdout.length; this.#read++) {
      const [, epochMs, body] = /^got (\S+) (.*)$/.exec(stdout[this.#read] ?? '') ?? [];
      if (epochMs !== undefined && body !== undefined)
        this.#executions.push({
          body: JSON.parse(body) as string,
          atMs: Number(epochMs) - performance.timeOrigin,
        });
    }
    return this.#executions;
  }

  /** Kills it with SIGKILL. */
  async kill(): Promise<void> {
    this.program.kill('SIGKILL');
    await this.program.ended;
  }

  /** Starts a new one on the same address. */
  restart(scope: Scope): Promise<UpstreamProcess> {
    return UpstreamProcess.start(scope, this.address);
  }
}
