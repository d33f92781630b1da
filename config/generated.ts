import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Writes generated files. With --check on the command line it writes nothing, and makes the process fail when a file is not what
 * it would write.
 *
 * @param files what is in each, by its path from `folder`
 */
export function generate(folder: URL, files: Record<string, () => string>): void {
  for (const [name, content] of Object.entries(files)) {
    const file = new URL(name, folder);
    if (!process.argv.includes('--check')) writeFileSync(file, content());
    else if (readOrNothing(file) !== content()) {
      console.error(`${file.pathname} is stale: run npm run docs`);
      process.exitCode = 1;
    }
  }
}

function readOrNothing(file: URL): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
