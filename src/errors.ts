/**
 * The exit codes of the process. Only `main.ts` turns an error into an exit. Any other error that reaches it is a bug of
 * ours: exit code 1, with a stack.
 */
type ExitCode = 0 | 1 | 2;

/** A problem that the user can fix. The message says what is wrong and where, and is shown without a stack. */
export class UserError extends Error {
  readonly exitCode: ExitCode;
  /** One problem per line, printable as it is. */
  readonly lines: readonly string[];

  constructor(lines: readonly string[], exitCode: ExitCode, options?: ErrorOptions) {
    super(lines.join('\n'), options);
    this.name = new.target.name;
    this.lines = lines;
    this.exitCode = exitCode;
  }
}

/** The configuration, the environment or the command line is wrong: exit code 2, one problem per line. */
export class ConfigError extends UserError {
  constructor(lines: readonly string[], options?: ErrorOptions) {
    super(lines, 2, options);
  }
}

/** The configuration is valid but cannot be used here (port in use, no permission): exit code 1. */
export class StartError extends UserError {
  constructor(line: string, options?: ErrorOptions) {
    super([line], 1, options);
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The `code` of a system or libzmq error (`EADDRINUSE`, `EAGAIN`, ...), if it has one. */
export function codeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}
