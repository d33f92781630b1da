import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** Those test files that import one of the given files, themselves or by way of others. */
export function reaching(files: readonly string[], testPaths: readonly string[]): string[] {
  const imports = new Map<string, readonly string[]>();
  const wanted = new Set(files);
  const reaches = (url: string, seen: Set<string>): boolean => {
    if (wanted.has(url)) return true;
    if (seen.has(url)) return false;
    seen.add(url);
    const next = imports.get(url) ?? importsOf(url);
    imports.set(url, next);
    return next.some((one) => reaches(one, seen));
  };
  return testPaths.map((path) => pathToFileURL(path).href).filter((url) => reaches(url, new Set()));
}

function importsOf(url: string): string[] {
  const source = readFileSync(new URL(url), 'utf8');
  const found = source.matchAll(
    /^(?:import|export)(?! type)[^;]*?from '(\.[^']+\.ts)'|import\('(\.[^']+\.ts)'\)/gm,
  );
  return [...found].map(([, from, dynamic]) => new URL(from ?? dynamic ?? '', url).href);
}
