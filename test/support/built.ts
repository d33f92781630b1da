import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scratch } from './scratch.ts';
import { run } from './tools.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** What the image sets. */
export const AS_IN_IMAGE = {
  MALLOC_ARENA_MAX: '1',
  NODE_COMPILE_CACHE: join(scratch(), 'compiled'),
  NODE_OPTIONS: '--max-semi-space-size=2',
};
let main: string | undefined;

/**
 * The sidecar as the image runs it, built once a process, which may be one of several that do so at the same time.
 *
 * @returns its file, as `Program.lazypirate` takes it
 */
export function build(): string {
  if (main !== undefined) return main;
  const folder = scratch();
  run(process.execPath, [`${ROOT}config/bundle.ts`, folder]);
  main = join(folder, 'main.cjs');
  return main;
}
