import { copyFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from './tools.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Below the packages that it needs, and out of the way of what others build. */
const FOLDER = 'node_modules/.cache/lazypirate';
let isBuilt = false;

/**
 * The sidecar as the image runs it, built once a process: from source, Node needs more memory.
 *
 * @returns its file, as `Program.lazypirate` takes it
 */
export function build(): string {
  if (!isBuilt) {
    run(process.execPath, [`${ROOT}config/bundle.ts`, `${ROOT}${FOLDER}/dist`]);
    copyFileSync(`${ROOT}package.json`, `${ROOT}${FOLDER}/package.json`);
    isBuilt = true;
  }
  return `${FOLDER}/dist/main.cjs`;
}
