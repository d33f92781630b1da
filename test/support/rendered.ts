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
import { gunzipSync } from 'node:zlib';

/** Set by .ci/chart-tools, so that what was rendered once outlives `npm ci`. */
const FOLDER =
  process.env['LAZYPIRATE_RENDERED'] ??
  fileURLToPath(new URL('../../node_modules/.cache/lazypirate/rendered', import.meta.url));
/** Of the values. Other errors may be gone the next time. */
const REFUSAL = /values don't meet the specifications|execution error at/;
const BLOCK = 512;

/**
 * What a program makes of a chart and its arguments. The same program makes the same of the same chart and arguments, so it runs once for
 * all test files and runs; what it says when it refuses is kept as well.
 *
 * @param args those that tell, without paths that are others each time
 */
export function rendered(
  program: string,
  chart: string,
  args: readonly string[],
  render: () => string,
): string {
  const key = createHash('sha256').update(JSON.stringify([identityOf(program), contentsOf(chart), args]));
  const file = join(FOLDER, key.digest('hex'));
  const known = kept(file);
  if (known?.output !== undefined) return known.output;
  if (known?.error !== undefined) throw new Error(known.error);
  try {
    const output = render();
    keep(file, { output });
    return output;
  } catch (error) {
    if (error instanceof Error && REFUSAL.test(error.message)) keep(file, { error: error.message });
    throw error;
  }
}

interface Kept {
  output?: string;
  error?: string;
}

function kept(file: string): Kept | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Kept;
  } catch {
    return undefined;
  }
}

/** Others may write the same at the same time. */
function keep(file: string, what: Kept): void {
  mkdirSync(FOLDER, { recursive: true });
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, JSON.stringify(what));
  renameSync(fresh, file);
}

function identityOf(program: string): unknown[] {
  const [found] = (process.env['PATH'] ?? '').split(delimiter).flatMap((folder) => {
    const file = join(folder, program);
    const stats = statSync(file, { throwIfNoEntry: false });
    return stats === undefined ? [] : [[realpathSync(file), stats.size, stats.mtimeMs]];
  });
  return found ?? [];
}

/** Names and contents of its files. An archive of a dependency is opened, because it has the time at which it was made in it. */
function contentsOf(chart: string): string[] {
  const names = readdirSync(chart, { recursive: true, encoding: 'utf8' }).sort();
  return names.flatMap((name) => {
    const file = join(chart, name);
    // It says when it was made.
    if (name.endsWith('Chart.lock') || !statSync(file).isFile()) return [];
    const bytes = readFileSync(file);
    return [name, ...(name.endsWith('.tgz') ? entriesOf(gunzipSync(bytes)) : [bytes.toString('latin1')])];
  });
}

/** Name, size and contents of each file of a tar archive. */
function entriesOf(tar: Buffer): string[] {
  const entries: string[] = [];
  for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0; ) {
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 136), 8);
    entries.push(tar.toString('latin1', at, at + 100), tar.toString('latin1', at + BLOCK, at + BLOCK + size));
    at += BLOCK * (1 + Math.ceil(size / BLOCK));
  }
  return entries;
}
