import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scratch } from './scratch.ts';
import { run } from './tools.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** The environment that the image sets. */
export const AS_IN_IMAGE = {
  MALLOC_ARENA_MAX: '1',
  NODE_COMPILE_CACHE: join(scratch(), 'compiled'),
  NODE_OPTIONS: '--max-semi-space-size=2',
};
let main: string | undefined;

/**
 * Builds the sidecar as in the image, once per process. Several processes may do so at the same time.
 *
 * @returns its file, for `Program.lazypirate`
 */
export function build(): string {
  if (main !== undefined) return main;
  const folder = scratch();
  run(process.execPath, [`${ROOT}config/bundle.ts`, folder]);
  main = join(folder, 'main.cjs');
  return main;
}
