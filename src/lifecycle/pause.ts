import { setTimeout } from 'node:timers/promises';

/**
 * Waits, but no longer than until the signal aborts. Does not keep the process alive.
 *
 * @returns `false` if the signal has aborted
 */
export async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  await setTimeout(ms, undefined, { signal, ref: false }).catch(() => undefined);
  return !signal.aborted;
}

/** Resolves when the signal aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
