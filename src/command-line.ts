import { setImmediate } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Command, Terminal } from './commands/command.ts';
import { run } from './commands/run.ts';
import { nearest } from './config/text/spelling.ts';
import { ConfigError, codeOf, messageOf, UserError } from './errors.ts';
import { version } from './version.ts';

/** The command line: argv in, exit code out. */
export async function commandLine(argv: readonly string[], terminal: Terminal): Promise<number> {
  const failed = outputFailure(terminal);
  const { command, code } = await runCommand(argv, terminal);
  // A sidecar has done its work, whoever could read its log.
  if (code !== 0 || command === run) return code;
  await flushed(terminal);
  // Lets the failure of the last write be reported.
  await setImmediate();
  return failed() ? 1 : 0;
}

/** The process ends soon after its command, but a reader may take its time to read everything: half of a file is worse than none. */
async function flushed({ stdout, interrupted }: Terminal): Promise<void> {
  if (stdout.writableLength === 0 || stdout.destroyed || interrupted.aborted) return;
  await new Promise<void>((resolve) => {
    stdout.write('', () => resolve());
    interrupted.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * A reader that leaves before the end, as `head` does, has what it wanted. Any other failure to write is told once.
 *
 * @returns whether there was one
 */
function outputFailure({ stdout, stderr }: Terminal): () => boolean {
  let hasFailed = false;
  stdout.on('error', (error) => {
    if (codeOf(error) === 'EPIPE' || hasFailed) return;
    hasFailed = true;
    stderr.write(`lazypirate: cannot write to standard output: ${messageOf(error)}\n`);
  });
  // Nobody is left to be told.
  stderr.on('error', () => undefined);
  return () => hasFailed;
}

async function runCommand(
  argv: readonly string[],
  terminal: Terminal,
): Promise<{ code: number; command?: Command }> {
  const print = (text: string) => {
    terminal.stdout.write(text);
    return { code: 0 };
  };
  try {
    const [name, ...args] = argv;
    if (name === '--version' || name === '-v' || name === 'version') return print(`lazypirate ${version}\n`);
    if (name === '--help' || name === '-h' || name === 'help') {
      const [about = '-'] = args;
      return print(about.startsWith('-') ? await overview() : (await commandOf(about)).help);
    }
    const isCommand = name !== undefined && !name.startsWith('-');
    const command = isCommand ? await commandOf(name) : run;
    const rest = isCommand ? args : argv;
    if (asksForHelp(rest)) return print(command.help);
    refuseTwice(rest, command.repeatable ?? []);
    return { code: await command.run([...rest], terminal), command };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    for (const line of error.lines) terminal.stderr.write(`lazypirate: ${line}\n`);
    return { code: error.exitCode };
  }
}

/** @throws {ConfigError} if there is no such command, with a suggestion */
async function commandOf(name: string): Promise<Command> {
  if (name === run.name) return run;
  const commands = await allCommands();
  const command = commands.find((one) => one.name === name);
  if (command !== undefined) return command;
  const near = nearest(
    commands.map((one) => one.name),
    name,
  );
  const meant = /\.ya?ml$/.test(name) ? `run --config ${name}` : near;
  const hint = meant === undefined ? 'try lazypirate --help' : `did you mean ${meant}?`;
  throw new ConfigError([`unknown command ${name}; ${hint}`]);
}

async function allCommands(): Promise<readonly Command[]> {
  const { TOOLS } = await import('./commands/tools.ts');
  return [run, ...TOOLS];
}

/** Arguments after `--` are a request's body. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? undefined : end).some((arg) => arg === '--help' || arg === '-h');
}

/** Refuses a repeated flag, because the first one would silently have no effect. */
function refuseTwice(args: readonly string[], repeatable: readonly string[]): void {
  const options = { config: { type: 'string', short: 'c' } } as const;
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  // One of a single dash that does not exist may be in such a group as -xx: its command refuses it.
  const flags = tokens.flatMap((token) =>
    token.kind === 'option' && token.name.length > 1 ? [token.name] : [],
  );
  const twice = flags.find((flag, index) => flags.indexOf(flag) < index && !repeatable.includes(flag));
  if (twice !== undefined) throw new ConfigError([`--${twice} is given twice`]);
}

async function overview(): Promise<string> {
  const commands = await allCommands();
  const rows = commands.map(({ name, summary }) => `  ${name.padEnd(9)}${summary}`);
  return `lazypirate ${version} makes ZeroMQ request/reply reliable for the app beside it.

Usage: lazypirate [COMMAND] [ARGUMENTS]
       lazypirate --version

Commands:
${rows.join('\n')}

Without a command, lazypirate runs the sidecar. "lazypirate COMMAND --help" lists the options of a command.
`;
}
