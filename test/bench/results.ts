import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { commit } from '../support/commit.ts';

const FOLDER = new URL('results/', import.meta.url);
/** Read at the start of the run: later changes are not what it measures. */
const COMMIT = commit();

/** Saves the results of a benchmark for the goals and for comparisons. Replaces those of an earlier run. */
export function keep(name: string, found: object): void {
  keepText(`${name}.json`, `${JSON.stringify({ commit: COMMIT, ...found }, rounded, 1)}\n`);
}

export function keepText(file: string, text: string): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(new URL(file, FOLDER), text);
}

/** A page of results for people: what the benchmark prints, saved as it is. */
export class Page {
  readonly #name: string;
  readonly #parts: string[] = [];

  constructor(name: string, head: string) {
    this.#name = name;
    this.add(head);
  }

  add(part: string): void {
    console.log(part);
    this.#parts.push(part);
  }

  keep(): void {
    const head = `# ${this.#name}\n\nWritten by \`npm run bench ${this.#name}\` at ${COMMIT}.\n`;
    keepText(`${this.#name}.md`, [head, ...this.#parts].join('\n'));
  }
}

/** The results of the last run of a benchmark, if there was one. */
export function kept<T>(name: string): T | undefined {
  const file = new URL(`${name}.json`, FOLDER);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined;
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value;
}
