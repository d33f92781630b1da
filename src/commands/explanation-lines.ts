import type { Explanation, Reason } from '../ops/explain/reason.ts';
import type { Line } from './screen.ts';

const [RED, GREEN, YELLOW, FAINT] = [31, 32, 33, 2];
const COLORS: Record<Explanation['verdict']['state'], number> = {
  broken: RED,
  degraded: YELLOW,
  draining: YELLOW,
  starting: YELLOW,
  working: GREEN,
  idle: GREEN,
};

/** The verdict, then the reasons with their evidence and advice. */
export function explanationLines({ verdict, reasons }: Explanation, columns: number): Line[] {
  const notes = reasons.filter(({ severity }) => severity === 'note');
  const causes = reasons.filter(({ severity }) => severity !== 'note');
  return [
    ...verdictLines(verdict, columns),
    ...causes.flatMap((reason, index) => ['', ...reasonLines(reason, `${index + 1}. `, columns)]),
    ...(notes.length > 0 && causes.length > 0 ? ['', 'Also:'] : []),
    ...notes.flatMap((reason) => ['', ...reasonLines(reason, '- ', columns)]),
  ];
}

export function verdictLines({ state, text }: Explanation['verdict'], columns: number): Line[] {
  const word = state.toUpperCase();
  const [first = '', ...rest] = wrapped(text, columns, ' '.repeat(word.length + 2));
  return [[{ text: word, color: COLORS[state] }, `  ${first.trimStart()}`], ...rest];
}

export function reasonLines(
  { route, text, evidence, advice }: Reason,
  mark: string,
  columns: number,
): Line[] {
  const indent = ' '.repeat(mark.length);
  const [first = '', ...rest] = wrapped(`${route === null ? '' : `${route}: `}${text}`, columns, indent);
  return [
    `${mark}${first.trimStart()}`,
    ...rest,
    ...evidence.flatMap((one) =>
      wrapped(one, columns, `${indent}  `).map((line) => [{ text: line, color: FAINT }]),
    ),
    ...(advice === null ? [] : arrow(wrapped(advice, columns, `${indent}   `), indent)),
  ];
}

function arrow([first = '', ...rest]: readonly string[], indent: string): string[] {
  return [`${indent}-> ${first.trimStart()}`, ...rest];
}

/** Breaks a text between words, so that no line is longer than this. A longer word stays whole, and so does a command in `backticks`. */
export function wrapped(text: string, columns: number, indent = ''): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.match(/[^\s`]*`[^`]*`[^\s`]*|\S+/g) ?? []) {
    const isEmpty = line.length === indent.length;
    if (!isEmpty && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = `${indent}${word}`;
    } else line += isEmpty ? word : ` ${word}`;
  }
  return [...lines, line];
}
