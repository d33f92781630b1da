/**
 * Every way the process can end, and the exit code it ends with. `main.ts` alone turns these into an exit:
 * any other error that reaches it is a bug of ours and exits with 1 and a stack.
 */
export type ExitCode = 0 | 1 | 2;

/** A problem the user can mend: the message says what and where, and is shown without a stack. */
export class UserError extends Error {
  readonly exitCode: ExitCode;
  /** One printable line each. */
  readonly lines: readonly string[];

  constructor(lines: readonly string[], exitCode: ExitCode, options?: ErrorOptions) {
    super(lines.join('\n'), options);
    this.name = new.target.name;
    this.lines = lines;
    this.exitCode = exitCode;
  }
}

/** The configuration, the environment or the command line is wrong: exit code 2, every problem a line. */
export class ConfigError extends UserError {
  constructor(lines: readonly string[], options?: ErrorOptions) {
    super(lines, 2, options);
  }
}

/** The configuration is fine but cannot be put to work here (port in use, no permission): exit code 1. */
export class StartError extends UserError {
  constructor(line: string, options?: ErrorOptions) {
    super([line], 1, options);
  }
}

/** The text of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The `code` of a system or libzmq error (`EADDRINUSE`, `EAGAIN`, ...), if it bears one. */
export function codeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}
