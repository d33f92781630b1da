import { copyFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from './tools.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Below the packages that it needs, and out of the way of what others build. */
const FOLDER = 'node_modules/.cache/lazypirate';

/**
 * The sidecar as JavaScript, as the image runs it: from source, Node needs more memory.
 *
 * @returns its file, as `Program.lazypirate` takes it
 */
export function build(): string {
  const dist = `${ROOT}${FOLDER}/dist`;
  run(process.execPath, [
    `${ROOT}node_modules/typescript/bin/tsc`,
    '-p',
    `${ROOT}tsconfig.build.json`,
    '--outDir',
    dist,
  ]);
  copyFileSync(`${ROOT}package.json`, `${ROOT}${FOLDER}/package.json`);
  return `${FOLDER}/dist/main.js`;
}
