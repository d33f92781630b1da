import { nextLine } from './splice.ts';

/** One document of a YAML stream, as a part of its text. */
export interface DocumentSpan {
  /** With the comments and directives above its `---`. */
  start: number;
  end: number;
  /** Where its line `---` begins, if it has one. */
  marker: number | undefined;
}

/**
 * Splits a stream into its documents. A line that begins with `---` or `...` ends a document wherever it stands, in the middle
 * of a text too, so nothing need be parsed. Nothing is lost: each document ends where the next one begins.
 */
export function documentsOf(text: string): DocumentSpan[] {
  const spans: DocumentSpan[] = [];
  let start = 0;
  let marker: number | undefined;
  const close = (end: number) => {
    if (end > start) spans.push({ start, end, marker });
    start = end;
    marker = undefined;
  };
  for (const { index, 0: mark } of text.matchAll(/(?<=^\uFEFF?|\n)(?:---|\.\.\.)(?=[ \t\r\n]|$)/g)) {
    if (mark === '...') close(nextLine(text, index));
    else {
      if (marker !== undefined || !isPrefix(text.slice(start, index))) close(index);
      marker = index;
    }
  }
  close(text.length);
  return spans;
}

/** Comments, directives and empty lines belong to the document after them. */
function isPrefix(text: string): boolean {
  return /^\uFEFF?(?:[ \t]*(?:#.*)?\r?\n|%.*\r?\n)*$/.test(text);
}
