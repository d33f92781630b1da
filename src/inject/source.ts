import type { Splice } from './splice.ts';

/** One file of the input. */
export interface InputFile {
  /** As it is shown. */
  name: string;
  text: string;
}

/** All files as one text, and where each byte of it came from. */
export class Source {
  readonly text: string;
  readonly #files: { name: string; start: number; linesBefore: number }[] = [];
  /** Where each line begins in the text. */
  readonly #lines: number[];

  constructor(files: readonly InputFile[]) {
    let text = '';
    for (const file of files) {
      const body = text === '' ? file.text : file.text.replace(/^\uFEFF/, '');
      if (text !== '') text += joint(text, body);
      this.#files.push({ name: file.name, start: text.length, linesBefore: text.split('\n').length - 1 });
      text += body;
    }
    this.text = text;
    this.#lines = lineStarts(text);
  }

  /** `FILE:LINE` of an offset. */
  place(offset: number): string {
    const file = this.#files.findLast(({ start }) => start <= offset) ?? this.#files[0];
    const line = lineAt(this.#lines, offset) - (file?.linesBefore ?? 0);
    return `${file?.name ?? 'input'}:${line}`;
  }
}

/** What keeps the documents of two files apart. */
function joint(before: string, after: string): string {
  const end = /\n$/.test(before) ? '' : '\n';
  // Directives, such as %YAML, belong to the next document only behind the end of the one before.
  if (/^(?:[ \t]*(?:#.*)?\r?\n)*%/.test(after)) return `${end}...\n`;
  return /^(?:[ \t]*(?:#.*)?\r?\n)*---(?=\s|$)/.test(after) ? end : `${end}---\n`;
}

/** Where an offset of a text was before the splices that made it. */
export function offsetBefore(offset: number, splices: readonly Splice[]): number {
  let shift = 0;
  for (const { start, end, text } of splices) {
    if (start > offset + shift) break;
    shift += end - start - text.length;
  }
  return offset + shift;
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** Counts from 1. */
function lineAt(starts: readonly number[], offset: number): number {
  let [low, high] = [0, starts.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return low + 1;
}
