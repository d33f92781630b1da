/** So many letters may be wrong, missing or extra, but no more than half of the word. */
const TYPOS = 2;
const LETTERS_PER_TYPO = 2;

/** Which of these words is probably meant. Case, `-` and `_` do not count. */
export function nearest(known: readonly string[], given: string): string | undefined {
  const word = plain(given);
  const near = known
    .map((one) => ({ one, typos: distance(plain(one), word) }))
    .filter(({ one, typos }) => typos <= Math.min(TYPOS, Math.floor(plain(one).length / LETTERS_PER_TYPO)))
    .sort((one, other) => one.typos - other.typos);
  return near[0]?.one;
}

function plain(word: string): string {
  return word.toLowerCase().replace(/[-_]/g, '');
}

/** Levenshtein distance: the fewest letters to insert, delete or change. More than `TYPOS` is not told exactly. */
function distance(one: string, other: string): number {
  if (Math.abs(one.length - other.length) > TYPOS) return TYPOS + 1;
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
