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
