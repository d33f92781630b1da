import { spawnSync } from 'node:child_process';
import { Program, type Scope } from './program.ts';
import { lacks } from './tools.ts';

/** Namespaces in which every port is free, and whose processes all end with the first one. */
const APART = ['--net', '--pid', '--fork', '--kill-child', '--mount', '--mount-proc'];

/** Why there can be no shell of its own here, or false. */
export function shellSkip(): string | false {
  const lacking = lacks('unshare', 'ip', 'bash');
  if (lacking !== false) return lacking;
  const { status, stderr } = spawnSync('unshare', [...APART, 'true'], { encoding: 'utf8' });
  return status !== 0 && `needs root, for namespaces: ${stderr.trim()}`;
}

/** A shell into which commands can be pasted as they stand on a page: it has ports of its own, and no other network. */
export class Shell {
  readonly program: Program;
  #lost: Promise<never> | undefined;

  /** @param env besides it, the shell has only the PATH */
  constructor(scope: Scope, folder: string, env: NodeJS.ProcessEnv = {}) {
    const script = 'ip link set lo up && cd "$1" && exec bash 2>&1';
    this.program = Program.start(scope, 'unshare', [...APART, 'sh', '-c', script, 'sh', folder], env);
  }

  paste(commands: string): void {
    this.program.child.stdin?.write(commands);
  }

  /** The program that was pasted last has to live: when it ends, whoever waits for a line gets all that was printed as an error. */
  needsLast(what: string): void {
    const words = `${what} has ended`;
    this.paste(`tail --pid=$! -f /dev/null && echo '${words}' &\n`);
    const isOver = this.program.line((line) => (line === words ? words : undefined));
    this.#lost = isOver.then(() => {
      throw new Error([`${words}:`, ...this.program.stdout].join('\n'));
    });
    // Nobody need wait when it is ended on purpose.
    this.#lost.catch(() => undefined);
  }

  /** The first line, past or to come, of which `read` makes something. */
  line<T>(read: (line: string) => T | undefined): Promise<T> {
    const line = this.program.line(read);
    return this.#lost === undefined ? line : Promise.race([line, this.#lost]);
  }

  /** What stands first in brackets, in the first line that matches, past or to come. */
  prints(pattern: RegExp): Promise<string> {
    return this.line((line) => pattern.exec(line)?.[1]);
  }

  /** Waits for what it has started, and leaves it. */
  async leave(): Promise<void> {
    this.program.child.stdin?.end('wait\n');
    await this.program.ended;
  }
}
