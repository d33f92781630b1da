import type { Writable } from 'node:stream';
import { type Logger, pino, stdTimeFunctions } from 'pino';
import type { LogFormat, LogLevel } from '../../config/config.ts';
import { prettyLine } from './pretty.ts';

export interface Log extends Logger {
  /** Of the lines from now on. `auto`: `pretty` on a terminal, `json` elsewhere. */
  format: LogFormat;
}

interface LogSettings {
  level: LogLevel;
  format?: LogFormat;
  version: string;
  /** If POD_NAME and POD_NAMESPACE (downward API) are set, they are on every line of JSON. NO_COLOR and TERM are respected. */
  env: Readonly<Record<string, string | undefined>>;
  /** Where lines are written: standard output. It must not block. */
  destination: Writable & { isTTY?: boolean };
}

/** Lines are dropped while this many characters are waiting. */
const WAITING_MAX = 1024 * 1024;

/**
 * A log that writes one JSON object per line, or a line for people. A reader that stops reading never stops the process: lines
 * beyond a limit are dropped, and when the reader continues, an error line says how many. If the reader is gone for good, the
 * process goes on.
 */
export function createLog({ level, format = 'auto', version, env, destination }: LogSettings): Log {
  const isTerminal = destination.isTTY === true;
  if (isTerminal) neverBlock(destination);
  const hasColor = isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  const isPretty = () => (log.format === 'auto' ? isTerminal : log.format === 'pretty');
  const lines = boundedLines(destination, {
    resumed: (dropped) => log.error({ dropped }, 'log lines dropped: nobody read standard output'),
    form: (line) => (isPretty() ? prettyLine(line, hasColor) : line),
  });
  const { POD_NAME: pod, POD_NAMESPACE: namespace } = env;
  const logger = pino(
    {
      level,
      base: { service: 'lazypirate', version, ...(pod && { pod }), ...(namespace && { namespace }) },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    lines,
  );
  const log: Log = Object.assign(logger, { format });
  return log;
}

/** Node writes to a terminal with calls that block: whoever holds it with Ctrl-S would hold up all traffic. There is no public way to change it. */
function neverBlock(terminal: Writable): void {
  const { _handle } = terminal as { _handle?: { setBlocking?(isBlocking: boolean): unknown } };
  _handle?.setBlocking?.(false);
}

interface Bounded {
  /** Called when the reader continues, with the number of lines that it has missed. */
  resumed(dropped: number): void;
  /** What is written of a line. */
  form(line: string): string;
}

/**
 * Why not pino's own asynchronous destination: it writes in a thread, and a write to a full pipe blocks that thread. Node waits
 * for its threads at exit, even in `process.exit`, so the process could not end until it was killed. A stream over a pipe waits in
 * the event loop instead, and needs only a limit.
 */
function boundedLines(destination: Writable, { resumed, form }: Bounded): { write(line: string): void } {
  let state: { kind: 'flowing' } | { kind: 'dropping'; dropped: number } = { kind: 'flowing' };
  destination.on('drain', () => {
    if (state.kind === 'flowing') return;
    const { dropped } = state;
    state = { kind: 'flowing' };
    resumed(dropped);
  });
  // The reader is gone (EPIPE): nobody can be told, and the traffic matters more.
  destination.on('error', () => undefined);
  return {
    write(line) {
      if (state.kind === 'dropping') {
        state.dropped++;
      } else if (destination.writableLength >= WAITING_MAX) {
        state = { kind: 'dropping', dropped: 1 };
      } else {
        destination.write(form(line));
      }
    },
  };
}
