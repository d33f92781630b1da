import { setTimeout } from 'node:timers/promises';

/** Far longer than any machine needs: after this time, waiting is in vain. */
const PATIENCE_MS = 300_000;

/** Waits until the condition holds. Throws, naming the condition, if it never does. */
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

/** Waits for something that comes by itself. Throws, naming it, if it never does. */
export async function soon<T>(what: string, coming: Promise<T>): Promise<T> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  coming.then(over, over);
  await until(what, () => isOver);
  return coming;
}
