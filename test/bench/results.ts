import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const FOLDER = new URL('results/', import.meta.url);

/** What a benchmark has found, for the goals and for whoever compares; replaces what an earlier run has found. */
export function keep(name: string, found: object): void {
  keepText(`${name}.json`, `${JSON.stringify(found, rounded, 1)}\n`);
}

export function keepText(file: string, text: string): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(new URL(file, FOLDER), text);
}

/** What the last run of a benchmark has found, if there was one. */
export function kept<T>(name: string): T | undefined {
  const file = new URL(`${name}.json`, FOLDER);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined;
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value;
}
