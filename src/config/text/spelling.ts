/** The most letters that may be wrong, missing or extra. */
const TYPOS = 2;

/** Whether one may be a misspelling of the other. */
export function isMisspelling(one: string, other: string): boolean {
  return Math.abs(one.length - other.length) <= TYPOS && distance(one, other) <= TYPOS;
}

/** Levenshtein distance: the fewest letters to insert, delete or change. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const change = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
