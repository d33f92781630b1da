import { basename } from 'node:path';
import type { Harmless } from './harmless.ts';
import type { Mutation } from './mutations.ts';

/** What became of a mutation: a test failed, or did not end; all passed; or no test runs the place. */
export interface Fate extends Omit<Mutation, 'mutated'> {
  readonly file: string;
  readonly kind: 'failed' | 'endless' | 'survived' | 'unrun';
}

type Entry = Pick<Fate, 'file' | 'was' | 'becomes'>;

/** The share of the mutations with a meaning that tests are to notice. */
const LEAST = 0.95;

/** What to print: each survivor, the entries of the list that are out of date, and the score by file. */
export function report(
  fates: readonly Fate[],
  harmless: readonly Harmless[],
): { text: string; isGood: boolean } {
  const alive = fates.filter(({ kind }) => kind === 'survived' || kind === 'unrun');
  const entries = harmless.flatMap(({ file, was, becomes }) =>
    becomes.map((one) => ({ file, was, becomes: one })),
  );
  const isListed = (fate: Fate) => entries.some((one) => isSame(one, fate));
  const survivors = alive.filter((fate) => !isListed(fate));
  const outdated = entries
    .filter(({ file }) => fates.some((fate) => basename(fate.file) === file))
    .filter((one) => !alive.some((fate) => isSame(one, fate)));
  const lines = survivors
    .sort((a, b) => a.file.localeCompare(b.file) || a.at - b.at)
    .map(({ file, line, was, becomes, kind }) => {
      const where = `${file}:${line}${kind === 'unrun' ? ', which no unit test runs' : ''}`;
      return `${where}\n  - ${was}\n  + ${becomes}`;
    });
  for (const { file, was, becomes } of outdated) {
    lines.push(
      `test/mutants/harmless.ts lists what a test notices or what is not there:\n  ${file}\n  - ${was}\n  + ${becomes}`,
    );
  }
  const files = [...new Set(fates.map(({ file }) => file))].sort();
  for (const name of [...files, undefined]) {
    const isIn = ({ file }: Fate) => name === undefined || file === name;
    const all = fates.filter(isIn).length - alive.filter((fate) => isIn(fate) && isListed(fate)).length;
    const left = survivors.filter(isIn).length;
    lines.push(
      `${percent(all - left, all)} ${String(all - left).padStart(5)} of ${String(all).padEnd(5)} ${name ?? 'all'}`,
    );
  }
  const isGood = survivors.length <= (1 - LEAST) * fates.length && outdated.length === 0;
  return { text: lines.join('\n'), isGood };
}

function isSame(one: Entry, { file, was, becomes }: Fate): boolean {
  return one.file === basename(file) && one.was === was && one.becomes === becomes;
}

function percent(part: number, whole: number): string {
  return `${((whole === 0 ? 1 : part / whole) * 100).toFixed(1)} %`.padStart(7);
}
