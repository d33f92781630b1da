import { chmodSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './built.ts';
import { scratch } from './scratch.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const EXAMPLES = join(ROOT, 'config/examples');
/** What builds leave behind. */
const LEFTOVER = /\/(node_modules|\.venv|target|go\/bin|charts)(\/|$)|\/(sidecar\.log|Chart\.lock)$/;

/** The folder of an example, in a copy of those parts of the repository that the examples use. */
export function copyOf(example: string): string {
  const root = scratch();
  for (const part of ['config', 'helm'])
    cpSync(join(ROOT, part), join(root, part), {
      recursive: true,
      filter: (path) => !LEFTOVER.test(path.slice(ROOT.length - 1)),
    });
  return join(root, 'config/examples', example);
}

/** A PATH with these programs first, each a script of sh. Its `npx` starts the sidecar, bundled. */
export function pathWith(programs: Record<string, string> = {}): string {
  const folder = join(scratch(), 'bin');
  mkdirSync(folder);
  const asOnThePage = '[ "$1 $2 $3" = "--prefix ../../.. lazypirate" ] || exit 1';
  const npx = `${asOnThePage}\nshift 3\nexec ${process.execPath} ${build()} "$@"`;
  for (const [name, script] of Object.entries({ npx, ...programs })) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  return `${folder}:${process.env['PATH']}`;
}
