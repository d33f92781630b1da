import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scratch } from './scratch.ts';
import { run } from './tools.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const KEPT = join(ROOT, 'node_modules/.cache/lazypirate');
/** What a bundle is made of. */
const SOURCES = [
  'src/**/*.{ts,html}',
  'config/bundle.ts',
  'config/contents/*.ts',
  'package.json',
  'package-lock.json',
  'LICENSE',
];
/** The environment that the image sets. */
export const AS_IN_IMAGE = {
  MALLOC_ARENA_MAX: '1',
  NODE_COMPILE_CACHE: join(scratch(), 'compiled'),
  NODE_OPTIONS: '--max-semi-space-size=4',
};
let main: string | undefined;

/**
 * Builds the sidecar as in the image, unless this was done before from the same sources. Several processes may do so at the same time.
 *
 * @returns its file, for `Program.lazypirate`
 */
export function build(): string {
  if (main !== undefined) return main;
  const folder = join(KEPT, hashOfSources());
  main = join(folder, 'main.cjs');
  if (existsSync(folder)) return main;
  mkdirSync(KEPT, { recursive: true });
  const fresh = mkdtempSync(join(KEPT, 'new-'));
  run(process.execPath, [`${ROOT}config/bundle.ts`, fresh]);
  try {
    renameSync(fresh, folder);
  } catch {
    // Another process was quicker.
    rmSync(fresh, { recursive: true });
  }
  return main;
}

function hashOfSources(): string {
  const hash = createHash('sha256').update(process.version);
  for (const file of globSync(SOURCES, { cwd: ROOT }).sort())
    hash.update(`\n${file}\n`).update(readFileSync(join(ROOT, file)));
  return hash.digest('hex').slice(0, 16);
}
