import type { Terminal } from './command.ts';

/** A part of a line, in one colour of the terminal's own (31 red, 32 green, 33 yellow, 2 faint). */
export interface Painted {
  text: string;
  color: number;
}

export type Line = string | readonly (string | Painted)[];

/** Lines that are replaced in place on a terminal, and follow one another elsewhere. */
export class Screen {
  /** Whether lines are replaced in place. */
  readonly isLive: boolean;
  readonly #hasColor: boolean;
  readonly #out: Terminal['stdout'];
  #shown = 0;

  constructor({ stdout, env }: Pick<Terminal, 'stdout' | 'env'>) {
    this.#out = stdout;
    this.isLive = stdout.isTTY === true && env['TERM'] !== 'dumb';
    this.#hasColor = this.isLive && !env['NO_COLOR'];
  }

  /** Writes lines that stay, as long as they are. */
  print(...lines: Line[]): void {
    this.#out.write(lines.map((line) => `${this.#render(line, Number.POSITIVE_INFINITY)}\n`).join(''));
    this.#shown = 0;
  }

  /** Shows lines where the last ones were shown. They are cut to what the terminal has room for: a line that wraps would be two. */
  show(...lines: Line[]): void {
    const { columns = 80, rows = 24 } = this.#out;
    if (!this.isLive) return this.print(...lines);
    const room = Math.max(1, rows - 1);
    const back = this.#shown > 0 ? `\x1b[${Math.min(this.#shown, room)}F` : '';
    const shown = lines.slice(0, room).map((line) => `\x1b[2K${this.#render(line, columns)}\n`);
    this.#out.write(`${back}${shown.join('')}\x1b[J`);
    this.#shown = shown.length;
  }

  #render(line: Line, columns: number): string {
    let room = columns;
    return (typeof line === 'string' ? [line] : line)
      .map((part) => {
        const { text, color } = typeof part === 'string' ? { text: part, color: undefined } : part;
        const cut = text.slice(0, room);
        room -= cut.length;
        return color === undefined || !this.#hasColor ? cut : `\x1b[${color}m${cut}\x1b[0m`;
      })
      .join('');
  }
}
