/** Functions to call when this turn of the event loop has read all input: they share one `setImmediate`. */
let due: (() => void)[] = [];
let spare: (() => void)[] = [];

/** Calls the function at the end of this turn. It must not throw. */
export function atEndOfTurn(flush: () => void): void {
  if (due.length === 0) setImmediate(flushAll);
  due.push(flush);
}

function flushAll(): void {
  const now = due;
  due = spare;
  for (const flush of now) flush();
  now.length = 0;
  spare = now;
}
