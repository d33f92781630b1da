import { setTimeout } from 'node:timers/promises';

/** So long no machine takes for anything that comes at all: whoever waits longer waits in vain. */
const PATIENCE_MS = 300_000;

/** Waits until it is so. Throws, with what was waited for, where it never comes. */
export async function until(
  what: string | (() => string),
  isSo: () => boolean | Promise<boolean>,
): Promise<void> {
  const sinceMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - sinceMs > PATIENCE_MS)
      throw new Error(`not within ${PATIENCE_MS} ms: ${typeof what === 'string' ? what : what()}`);
    await setTimeout(1);
  }
}
