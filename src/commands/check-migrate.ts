import { loadWritten, textOf } from '../config/load-config.ts';
import { type ConfigSources, fileOf } from '../config/text/flags.ts';
import { migrate } from '../config/text/migrate.ts';
import { ConfigError } from '../errors.ts';
import type { Terminal } from './command.ts';
import { needOutput } from './needed-output.ts';

/**
 * Prints the file of an earlier version as this version needs it.
 *
 * @returns the exit code
 * @throws {ConfigError} with every problem, if the new file would not be valid
 */
export function printMigrated(sources: ConfigSources, terminal: Terminal): number {
  needOutput(terminal);
  const { stdout, stderr } = terminal;
  const file = fileOf(sources);
  if (file === undefined) throw new ConfigError(['--migrate needs a file: --config FILE']);
  const { text, written, changes, notes } = migrate(textOf(file), file);
  const { warnings } = loadWritten(written, sources);
  stdout.write(text);
  for (const line of changes) stderr.write(`changed: ${line}\n`);
  for (const line of notes) stderr.write(`note: ${line}\n`);
  for (const line of warnings) stderr.write(`warning: ${line}\n`);
  if (changes.length === 0) stderr.write(`${file} needs no change\n`);
  return 0;
}
