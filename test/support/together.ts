import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { scratch } from './scratch.ts';

/** What they look at belongs to the whole process: its coverage, its memory, its CPU time. */
export const APART = [
  'config/hostile',
  'inject/hostile',
  'inject/properties',
  'ops/log/log-stuck-stdout',
  'transport/reader',
].map((name) => `test/unit/${name}.test.ts`);

/**
 * Puts the unit tests of one folder into one process: to start one costs more CPU time than most of these tests. All of them are
 * imported before the first runs.
 *
 * @returns files to run instead of these, in the same order
 */
export function together(files: readonly string[]): string[] {
  const scratchFolder = scratch();
  const groups = Map.groupBy(files, (file) =>
    APART.includes(file) ? file : (/^(test\/unit(\/\w+)?)\//.exec(file)?.[1] ?? file),
  );
  return [...groups].map(([name, group]) => {
    const [first = ''] = group;
    if (group.length === 1) return first;
    const entry = join(scratchFolder, `${name}.test.mjs`);
    const imports = group.map((file) => `import ${JSON.stringify(pathToFileURL(resolve(file)).href)};\n`);
    mkdirSync(dirname(entry), { recursive: true });
    writeFileSync(entry, imports.join(''));
    return entry;
  });
}
