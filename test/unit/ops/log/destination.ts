import { Writable } from 'node:stream';
import { createLog } from '../../../../src/ops/log/log.ts';

export type Line = Record<string, unknown>;

/** A destination that a test can stop and let go on, and the lines that have come through. */
export function destination() {
  const lines: Line[] = [];
  let isStopped = false;
  let goOn: (() => void) | undefined;
  const stream = new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      lines.push(JSON.parse(text));
      if (isStopped) goOn = done;
      else done();
    },
  });
  return {
    stream,
    lines,
    stop() {
      isStopped = true;
    },
    resume() {
      isStopped = false;
      goOn?.();
    },
  };
}

export function logTo(stream: Writable, given: Partial<Parameters<typeof createLog>[0]> = {}) {
  return createLog({ level: 'info', version: '1.2.3', env: {}, destination: stream, ...given });
}
