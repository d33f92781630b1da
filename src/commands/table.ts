import type { Line, Painted } from './screen.ts';

export type Cell = string | Painted;

const GAP = '  ';
const INDENT = '    ';

/**
 * Aligned columns, as wide as their longest cell. What does not fit goes below: numbers together, each with the name of its column, and a
 * last column of text on a line of its own.
 *
 * @param head names of the columns; `>` in front: aligned to the right
 */
export function tableLines(
  head: readonly string[],
  rows: readonly { cells: readonly Cell[] }[],
  columns: number,
): Line[] {
  const names = head.map((name) => name.replace(/^>/, ''));
  const widths = names.map((name, index) =>
    Math.max(name.length, ...rows.map(({ cells }) => textOf(cells[index] ?? '').length)),
  );
  const shown = fitting(widths, columns);
  const textFrom = head.at(-1)?.startsWith('>') ? names.length : names.length - 1;
  const line = (cells: readonly Cell[]): Line =>
    cells.slice(0, shown).flatMap((cell, index) => {
      const isLast = index === shown - 1;
      const padded = pad(
        cell,
        isLast && !head[index]?.startsWith('>') ? 0 : (widths[index] ?? 0),
        head[index] ?? '',
      );
      return index === 0 ? [padded] : [GAP, padded];
    });
  return [
    line(names),
    ...rows.flatMap(({ cells }) => {
      const texts = cells.map(textOf);
      const named = texts.slice(0, textFrom).map((text, index) => `${names[index]} ${text}`);
      const below = [named.slice(shown).join(', '), ...texts.slice(Math.max(shown, textFrom))];
      return [line(cells), ...below.filter((text) => text !== '').map((text) => `${INDENT}${text}`)];
    }),
  ];
}

/** How many columns fit from the left. The first is there always. */
function fitting(widths: readonly number[], columns: number): number {
  let total = 0;
  const tooWide = widths.findIndex((width, index) => {
    total += width + (index === 0 ? 0 : GAP.length);
    return index > 0 && total > columns;
  });
  return tooWide < 0 ? widths.length : tooWide;
}

/** Padded first and coloured then: escapes have no width. */
function pad(cell: Cell, width: number, head: string): Cell {
  const text = head.startsWith('>') ? textOf(cell).padStart(width) : textOf(cell).padEnd(width);
  return typeof cell === 'string' ? text : { ...cell, text };
}

function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell.text;
}
