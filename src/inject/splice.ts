/** Replaces a part of a text. */
export interface Splice {
  start: number;
  end: number;
  text: string;
}

/** In the order of the text. Those at one place keep their order. */
export function inOrder(splices: readonly Splice[]): Splice[] {
  return splices.toSorted((one, other) => one.start - other.start);
}

/** Everything outside the splices stays as it is, byte for byte. */
export function spliced(text: string, splices: readonly Splice[]): string {
  const parts: string[] = [];
  let done = 0;
  for (const { start, end, text: instead } of inOrder(splices)) {
    parts.push(text.slice(done, start), instead);
    done = end;
  }
  return [...parts, text.slice(done)].join('');
}

/** Where the line of an offset begins. */
export function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

/** Where the line after that of an offset begins. At the end of the text it may be missing its line break. */
export function nextLine(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  return end < 0 ? text.length : end + 1;
}

/** How the lines of a text end. */
export function lineBreak(text: string): string {
  const end = text.indexOf('\n');
  return end > 0 && text[end - 1] === '\r' ? '\r\n' : '\n';
}
