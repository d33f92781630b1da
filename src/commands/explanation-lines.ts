import type { Explanation, Reason } from '../ops/explain/reason.ts';
import type { Line } from './screen.ts';

const [RED, GREEN, YELLOW, FAINT] = [31, 32, 33, 2];
export const STATE_COLORS: Record<Explanation['verdict']['state'], number> = {
  broken: RED,
  degraded: YELLOW,
  draining: YELLOW,
  starting: YELLOW,
  working: GREEN,
  idle: GREEN,
};

/** The verdict, then the causes with their evidence, their consequences, and advice. */
export function explanationLines({ verdict, reasons }: Explanation, columns: number): Line[] {
  const roots = reasons.flatMap((reason, place) =>
    reason.consequenceOf === null
      ? [{ reason, consequences: reasons.filter((one) => one.consequenceOf === place) }]
      : [],
  );
  const causes = roots.filter(({ reason }) => reason.severity !== 'note');
  const notes = roots.filter(({ reason }) => reason.severity === 'note');
  return [
    ...verdictLines(verdict, columns),
    ...causes.flatMap((one, index) => ['', ...reasonLines(one, `${index + 1}. `, columns)]),
    ...(notes.length > 0 && causes.length > 0 ? ['', 'Also:'] : []),
    ...notes.flatMap((one) => ['', ...reasonLines(one, '- ', columns)]),
  ];
}

export function verdictLines({ state, text }: Explanation['verdict'], columns: number): Line[] {
  const word = state.toUpperCase();
  const [first = '', ...rest] = wrapped(text, columns, ' '.repeat(word.length + 2));
  return [[{ text: word, color: STATE_COLORS[state] }, `  ${first.trimStart()}`], ...rest];
}

/** A reason in one sentence. */
export function headline({ route, text }: Reason, mark: string, columns: number): string[] {
  const indent = ' '.repeat(mark.length);
  const [first = '', ...rest] = wrapped(`${route === null ? '' : `${route}: `}${text}`, columns, indent);
  return [`${mark}${first.trimStart()}`, ...rest];
}

function reasonLines(
  { reason, consequences }: { reason: Reason; consequences: readonly Reason[] },
  mark: string,
  columns: number,
): Line[] {
  const { evidence, advice } = reason;
  const indent = ' '.repeat(mark.length);
  return [
    ...headline(reason, mark, columns),
    ...evidence.flatMap((one) => faint(wrapped(one, columns, `${indent}  `))),
    ...(advice === null ? [] : marked('-> ', wrapped(advice, columns, `${indent}   `), indent)),
    ...(consequences.length === 0 ? [] : [`${indent}What follows from this:`]),
    ...consequences.flatMap((one) => consequenceLines(one, indent, columns)),
  ];
}

/** Without advice: that of its cause counts. */
function consequenceLines({ text, evidence }: Reason, indent: string, columns: number): Line[] {
  return [
    ...marked('- ', wrapped(text, columns, `${indent}  `), indent),
    ...faint(evidence.length === 0 ? [] : wrapped(evidence.join(' '), columns, `${indent}    `)),
  ];
}

function faint(lines: readonly string[]): Line[] {
  return lines.map((line) => [{ text: line, color: FAINT }]);
}

function marked(mark: string, [first = '', ...rest]: readonly string[], indent: string): string[] {
  return [`${indent}${mark}${first.trimStart()}`, ...rest];
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
