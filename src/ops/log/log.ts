import type { Writable } from 'node:stream';
import { type Logger, pino, stdTimeFunctions } from 'pino';
import type { LogLevel } from '../../config/config.ts';

export type Log = Logger;

interface LogSettings {
  level: LogLevel;
  version: string;
  /** If POD_NAME and POD_NAMESPACE (downward API) are set, they are on every line. */
  env: Readonly<Record<string, string | undefined>>;
  /** Where lines are written: standard output. It must not block. */
  destination: Writable;
}

/** Lines are dropped while this many characters are waiting. */
const WAITING_MAX = 1024 * 1024;

/**
 * A log that writes one JSON object per line. A reader that stops reading never stops the process: lines beyond a limit are
 * dropped, and when the reader continues, an error line says how many. If the reader is gone for good, the process goes on.
 */
export function createLog({ level, version, env, destination }: LogSettings): Log {
  const lines = boundedLines(destination, (dropped) =>
    log.error({ dropped }, 'log lines dropped: nobody read standard output'),
  );
  const { POD_NAME: pod, POD_NAMESPACE: namespace } = env;
  const log = pino(
    {
      level,
      base: { service: 'lazypirate', version, ...(pod && { pod }), ...(namespace && { namespace }) },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    lines,
  );
  return log;
}

/**
 * Why not pino's own asynchronous destination: it writes in a thread, and a write to a full pipe blocks that thread. Node waits
 * for its threads at exit, even in `process.exit`, so the process could not end until it was killed. A stream over a pipe waits in
 * the event loop instead, and needs only a limit.
 */
function boundedLines(
  destination: Writable,
  resumed: (dropped: number) => void,
): { write(line: string): void } {
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
        destination.write(line);
      }
    },
  };
}
