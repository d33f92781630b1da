import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scratch } from '../support/scratch.ts';

const made = new Map<string, string | undefined>();
let folder: string | undefined;

/** The path of a C program of this folder, compiled on the spot; undefined if this machine cannot compile it. */
export function native(name: string, ...libraries: string[]): string | undefined {
  if (made.has(name)) return made.get(name);
  folder ??= scratch();
  const program = join(folder, name);
  const source = fileURLToPath(new URL(`${name}.c`, import.meta.url));
  const { status, stderr, error } = spawnSync('cc', ['-O2', '-o', program, source, ...libraries], {
    encoding: 'utf8',
  });
  const why = error?.message ?? stderr.split('\n').find((line) => line.includes('error')) ?? stderr;
  if (status !== 0) console.warn(`${name}.c cannot be compiled here (${why})`);
  made.set(name, status === 0 ? program : undefined);
  return made.get(name);
}
