import { umask } from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { codeOf } from '../errors.ts';

const PATIENCE_MS = 500;
const PAUSE_MS = 2;

/** Binds. Where a socket of ours was closed a moment ago, libzmq's own thread still has to let go of the address: that is waited for. */
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
 * Binds a path so that its socket has this mode from the first moment on: one that were changed afterwards could be connected to
 * in between. The umask is of the whole process, and nothing else of it runs until `bind` returns.
 */
export function bindAs(mode: number, bind: () => void): void {
  const before = umask(0o777 & ~mode);
  try {
    bind();
  } finally {
    umask(before);
  }
}
