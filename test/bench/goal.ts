import { table } from './figures.ts';

/** A goal, and the figure that was measured for it. */
export interface Goal {
  what: string;
  /** Undefined if something that it needs is missing on this machine. */
  figure: number | undefined;
  /** What the figure must at least or at most be: `transport` was set for the ZMTP engine, `core` for the data path on top of it. */
  least?: Bounds;
  most?: Bounds;
  /** The same figure with `transport: libzmq`, for comparison. */
  libzmq?: number | undefined;
}

interface Bounds {
  transport?: number | undefined;
  core?: number | undefined;
}

/** The goals as a Markdown table, each with its verdict. */
export function tableOf(goals: readonly Goal[]): string {
  const head = ['', 'measured', 'goal of the transport', 'goal of the core', 'with libzmq'];
  const rows = goals.map((goal) => [
    goal.what,
    goal.figure === undefined ? 'not measured' : text(goal.figure),
    verdict(goal, 'transport'),
    verdict(goal, 'core'),
    goal.libzmq === undefined ? '' : text(goal.libzmq),
  ]);
  return table(head, rows);
}

/** How many verdicts there are of each kind. */
export function summary(goals: readonly Goal[]): string {
  const verdicts = goals.flatMap((goal) => [isMet(goal, 'transport'), isMet(goal, 'core')]);
  const count = (what: boolean) => verdicts.filter((one) => one === what).length;
  const missing = goals.filter(({ figure }) => figure === undefined).length;
  return `${count(true)} met, ${count(false)} missed${missing > 0 ? `, ${missing} not measured` : ''}`;
}

function verdict(goal: Goal, whose: keyof Bounds): string {
  const bound = (goal.least ?? goal.most)?.[whose];
  if (bound === undefined) return '';
  const met = isMet(goal, whose);
  const words = met === undefined ? '' : met ? ', met' : ', **missed**';
  return `${goal.least ? '>=' : '<='} ${text(bound)}${words}`;
}

/** Undefined if there is nothing to compare. */
function isMet({ figure, least, most }: Goal, whose: keyof Bounds): boolean | undefined {
  const bound = (least ?? most)?.[whose];
  if (bound === undefined || figure === undefined) return undefined;
  return least ? figure >= bound : figure <= bound;
}

/** Three digits, or all before the point. */
function text(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
