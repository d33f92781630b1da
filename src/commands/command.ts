import type { Readable, Writable } from 'node:stream';

/** What a command may touch of the process. `main.ts` hands in the real one; tests hand in their own. */
export interface Terminal {
  env: Readonly<Record<string, string | undefined>>;
  stdin: Readable & { isTTY?: boolean };
  stdout: Writable & { isTTY?: boolean; columns?: number; rows?: number };
  /** Whether it seems that standard output was closed. What is written to it then is lost without an error. */
  isOutputClosed?: () => boolean;
  stderr: Writable;
  /** Aborted by the first SIGINT or SIGTERM, whose name is the reason; a second one ends the process at once. */
  interrupted: AbortSignal;
  /** Has the listener called at each SIGHUP, which otherwise ends the process. */
  onHangup(listener: () => void): void;
  /** Has the listener called at each SIGUSR1, which otherwise opens Node's debugger. */
  onUserSignal(listener: () => void): void;
  /** Has the listener called when the process ends, also by a second signal. It must not wait for anything. */
  onExit(listener: () => void): void;
  /** Ends the process with 0 after so long, if it has not ended by then: whatever still hangs. */
  endWithin(ms: number): void;
  /** Version of Node. */
  node: string;
  /** How another lazypirate is started: the program and its first arguments. */
  self: readonly [program: string, ...args: string[]];
}

/** One word of the command line: `lazypirate NAME ARGS`. */
export interface Command {
  name: string;
  /** One line for the list of commands. */
  summary: string;
  /** The whole of `--help`, ending in a newline. */
  help: string;
  /** Flags that may be given several times; of any other one the first would silently have no effect. */
  repeatable?: readonly string[];
  /**
   * Runs until done and returns the exit code.
   * @throws {UserError} with the lines to print and the code to exit with: `ConfigError` (2) for wrong arguments.
   */
  run(args: string[], terminal: Terminal): Promise<number>;
}
