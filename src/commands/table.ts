import type { Line, Painted } from './screen.ts';

export type Cell = string | Painted;

const GAP = '  ';
const INDENT = '    ';

/**
 * Aligned columns, as wide as their longest cell. If that is too wide, the last column goes to lines of its own.
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
  const total = widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1));
  const isWide = total > columns;
  const shown = isWide ? names.length - 1 : names.length;
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
      const last = textOf(cells.at(-1) ?? '');
      return isWide ? [line(cells), `${INDENT}${last}`] : [line(cells)];
    }),
  ];
}

/** Padded first and coloured then: escapes have no width. */
function pad(cell: Cell, width: number, head: string): Cell {
  const text = head.startsWith('>') ? textOf(cell).padStart(width) : textOf(cell).padEnd(width);
  return typeof cell === 'string' ? text : { ...cell, text };
}

function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell.text;
}
