/* Turns of the event loop. They end when all input that was ready has been read. */

/** Functions to call at the end of this turn: they share one `setImmediate`. */
let due: (() => void)[] = [];
let spare: (() => void)[] = [];
let turn = 0;
let isEndSet = false;

/** The number of this turn. */
export function currentTurn(): number {
  if (!isEndSet) {
    isEndSet = true;
    setImmediate(end);
  }
  return turn;
}

/** Calls the function at the end of this turn. It must not throw. */
export function atEndOfTurn(flush: () => void): void {
  currentTurn();
  due.push(flush);
}

function end(): void {
  const now = due;
  due = spare;
  turn++;
  isEndSet = false;
  for (const flush of now) flush();
  now.length = 0;
  spare = now;
}
