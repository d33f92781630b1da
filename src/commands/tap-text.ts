import { codeWords } from '../ops/explain/words.ts';
import type { TapLine } from '../ops/tap/tap-events.ts';
import type { Line, Painted } from './screen.ts';

const FAINT = 2;
const RED = 31;
const GREEN = 32;
const YELLOW = 33;

const LATE_WORDS = {
  salvaged: 'a late reply, and it answers the request',
  discarded: 'a late reply, and nobody waits for it any more',
};

/** Room for `received`, and for most outcomes. */
const KIND_WIDTH = 8;
const RESULT_WIDTH = 12;

/** Makes a line for people of each line of a tap. Columns become as wide as they have to be, and stay so. */
export class TapText {
  #idWidth = 0;
  #endpointWidth = 0;

  /** Time, request, what happened, what came of it, and the rest. */
  line(line: TapLine): Line {
    if (line.kind === 'lost')
      return [{ text: `${line.lines} lines are missing here: this reader was too slow`, color: YELLOW }];
    const id = line.id ?? line.route;
    this.#idWidth = Math.max(this.#idWidth, id.length);
    // Rounded up, so that no outcome seems to come before its attempt.
    const endMs = Date.parse(line.at) + (line.kind === 'settled' ? Math.ceil(line.elapsedMs) : 0);
    const { result = '', color, rest } = this.#parts(line);
    const column = result.padEnd(RESULT_WIDTH);
    return [
      { text: clock(new Date(endMs)), color: FAINT },
      ` ${id.padEnd(this.#idWidth)}  ${(line.kind === 'settled' ? 'outcome' : line.kind).padEnd(KIND_WIDTH)}  `,
      color === undefined ? column : { text: column, color },
      `  ${printable(rest)}`,
    ];
  }

  #parts(line: Exclude<TapLine, { kind: 'lost' }>): { result?: string; color?: number; rest: string } {
    switch (line.kind) {
      case 'received': {
        const { bytes, from, body } = line;
        return { rest: `${bytes} B${from === null ? '' : ` from ${from}`}${bodyWords(body)}` };
      }
      case 'sent':
        return { rest: `${this.#where(line)}  attempt ${line.attempt}` };
      case 'attempt': {
        const { result, attempt, ms } = line;
        return { result, color: colorOf(result), rest: `${this.#where(line)}  attempt ${attempt}, ${ms} ms` };
      }
      case 'late':
        return { result: line.fate, color: YELLOW, rest: `${this.#where(line)}  ${LATE_WORDS[line.fate]}` };
      case 'settled': {
        const { outcome, attempts, attemptsOmitted = 0, elapsedMs, replyBytes, message, reply } = line;
        const count = attempts.length + attemptsOmitted;
        const took = `${elapsedMs} ms, ${count} ${count === 1 ? 'attempt' : 'attempts'}`;
        const why = message === null ? `, ${replyBytes} B${bodyWords(reply)}` : `: ${message}`;
        return { result: codeWords(outcome), color: colorOf(outcome), rest: `${took}${why}` };
      }
    }
  }

  #where({ endpoint, pod }: { endpoint: string; pod: string | null }): string {
    const where = pod === null ? endpoint : `${endpoint} ${pod}`;
    this.#endpointWidth = Math.max(this.#endpointWidth, where.length);
    return where.padEnd(this.#endpointWidth);
  }
}

function colorOf(result: string): Painted['color'] {
  if (result === 'ok') return GREEN;
  return result === 'cancelled' || result === 'client_gone' ? YELLOW : RED;
}

function bodyWords(body: readonly string[] | undefined): string {
  return body === undefined ? '' : `  ${body.map((frame) => `"${frame}"`).join(' ')}`;
}

/** By the clock of this machine. */
function clock(at: Date): string {
  const two = (part: number) => String(part).padStart(2, '0');
  const ms = String(at.getMilliseconds()).padStart(3, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${ms}`;
}

/** A message may quote what a server has sent. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}
