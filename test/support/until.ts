import { setTimeout as delay } from 'node:timers/promises';

/** Far longer than any machine needs: after this time, waiting is in vain. */
export const PATIENCE_MS = 300_000;

/** To look costs work, here and in the process that is asked: what takes longer is looked at less often, but often enough to tell the time. */
const [SHARE, LEAST_MS, MOST_MS] = [0.05, 1, 500];

/** Waits until the condition holds. Throws, naming the condition, if it never does. */
export async function until(
  what: string | (() => string),
  isSo: () => boolean | Promise<boolean>,
): Promise<void> {
  const sinceMs = performance.now();
  while (!(await isSo())) {
    const waitedMs = performance.now() - sinceMs;
    if (waitedMs > PATIENCE_MS) throw inVain(what);
    await delay(Math.min(Math.max(waitedMs * SHARE, LEAST_MS), MOST_MS));
  }
}

/** Waits for something that comes by itself, and is told of it at once. Throws, naming it, if it never does. */
export async function soon<T>(what: string | (() => string), coming: Promise<T>): Promise<T> {
  const { promise: never, reject } = Promise.withResolvers<never>();
  const here = new Error('it is awaited here');
  const patience = setTimeout(() => reject(inVain(what, here)), PATIENCE_MS);
  try {
    return await Promise.race([coming, never]);
  } finally {
    clearTimeout(patience);
  }
}

function inVain(what: string | (() => string), here?: Error): Error {
  const words = `not within ${PATIENCE_MS} ms: ${typeof what === 'string' ? what : what()}`;
  return new Error(words, here && { cause: here });
}
