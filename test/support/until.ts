import { setTimeout } from 'node:timers/promises';

const PATIENCE_MS = 20_000;

/** Waits until it is so. Throws, with what was waited for, where it takes longer than anything may. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  withinMs = PATIENCE_MS,
): Promise<void> {
  const sinceMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - sinceMs > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await setTimeout(1);
  }
}
