import { createHash } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Set by .ci/chart-tools, so that what a program made once outlives `npm ci`. */
const FOLDER =
  process.env['LAZYPIRATE_KEPT'] ??
  fileURLToPath(new URL('../../node_modules/.cache/lazypirate/kept', import.meta.url));
/** By Helm, of values. Other errors may be gone the next time. */
const REFUSAL = /values don't meet the specifications|execution error at/;

/**
 * What a program makes of its inputs. The same program makes the same of the same inputs, so it runs once for all test files and runs;
 * what Helm says when it refuses values is kept as well.
 *
 * @param inputs everything that tells: contents of files rather than paths that are others each time
 */
export function kept(program: string, inputs: readonly unknown[], run: () => string): string {
  const key = createHash('sha256').update(JSON.stringify([programOf(program), inputs]));
  const file = join(FOLDER, key.digest('hex'));
  const known = read(file);
  if (known?.output !== undefined) return known.output;
  if (known?.error !== undefined) throw new Error(known.error);
  try {
    const output = run();
    write(file, { output });
    return output;
  } catch (error) {
    if (error instanceof Error && REFUSAL.test(error.message)) write(file, { error: error.message });
    throw error;
  }
}

interface Kept {
  output?: string;
  error?: string;
}

function read(file: string): Kept | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Kept;
  } catch {
    return undefined;
  }
}

/** Others may write the same at the same time. */
function write(file: string, what: Kept): void {
  mkdirSync(FOLDER, { recursive: true });
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, JSON.stringify(what));
  renameSync(fresh, file);
}

function programOf(name: string): unknown {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = folders
    .map((folder) => join(folder, name))
    .find((file) => statSync(file, { throwIfNoEntry: false }));
  return found && identityOf(found);
}

/** In place of the contents of a large file that is not of this repository. */
export function identityOf(file: string): unknown {
  const { size, mtimeMs } = statSync(file);
  return [realpathSync(file), size, mtimeMs];
}

/** Names and contents of the files in a folder. */
export function contentsOf(folder: string): [name: string, content: string][] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  const files = names.filter((name) => statSync(join(folder, name)).isFile());
  return files.map((name) => [name, readFileSync(join(folder, name), 'utf8')]);
}
