import { umask } from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { codeOf } from '../../errors.ts';

const PATIENCE_MS = 500;
const PAUSE_MS = 2;

/** Binds, and retries for a while: if we closed a socket a moment ago, libzmq's thread may not have released its address yet. */
export async function patiently(bind: () => Promise<void>): Promise<void> {
  const untilMs = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await bind();
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE' || performance.now() > untilMs) throw error;
      await setTimeout(PAUSE_MS);
    }
  }
}

/**
 * Binds a path so that its socket has this mode from the start. If the mode were changed afterwards, anybody could connect in
 * between. The umask belongs to the whole process, but nothing else runs until `bind` returns.
 */
export function bindAs(mode: number, bind: () => void): void {
  const before = umask(0o777 & ~mode);
  try {
    bind();
  } finally {
    umask(before);
  }
}
