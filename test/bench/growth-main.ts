/* Part of `npm run bench growth`: a process of its own, because its clock and timers are virtual. It takes no arguments. */
import { VirtualTime } from '../simulation/virtual-time.ts';
import type { Case, Prepared } from './growth-cases.ts';

const time = new VirtualTime();
time.install();
// After that, because they take the clock and the timers as they find them.
const { CASES } = await import('./growth-cases.ts');
const { InMemory } = await import('./in-memory.ts');
const { table } = await import('./figures.ts');
const { Page } = await import('./results.ts');

/** So many events happen in each run: with a small size, on many routes at once. So all sizes need about the same memory. */
const EVENTS = 10_000;
const RUNS = 3;
/** A run that would take longer is left out, and so are all larger ones; after this time a size is not run again. */
const LONGEST_S = 4;
/** How much more an event may cost than at a smaller size. */
const FLAT = 3;
const SIZES = [10, 100, 1_000, 10_000, 100_000];
/** Requests that come one after the other take so much virtual time together. */
const SPREAD_MS = 1_000;

/** What one event costs with so many. */
interface Point {
  size: number;
  us: number;
}

/** @returns the CPU time of one run */
async function once({ prepare }: Case, size: number): Promise<{ us: number; events: number }> {
  time.clear();
  InMemory.time = time;
  const all: Prepared[] = [];
  const copies = Math.max(1, EVENTS / size);
  for (let copy = 0; copy < copies; copy++) all.push(await prepare(size, SPREAD_MS / copies / size));
  const followMs = Math.max(...all.map((one) => one.followMs ?? 0));
  globalThis.gc?.();
  const before = process.threadCpuUsage();
  for (const { happen } of all) happen();
  await time.run(time.nowMs + followMs);
  const { user, system } = process.threadCpuUsage(before);
  for (const { it, settled } of all) await it.close(settled);
  return { us: user + system, events: all.reduce((sum, one) => sum + one.events, 0) };
}

async function grow(one: Case): Promise<Point[]> {
  const points: Point[] = [];
  // Compiles what it needs.
  await once(one, 100);
  for (const size of one.sizes) {
    let [least, longest] = [Number.POSITIVE_INFINITY, 0];
    const untilNs = process.hrtime.bigint() + BigInt(LONGEST_S * 1e9);
    for (let run = 0; run < 1 || (run < RUNS && process.hrtime.bigint() < untilNs); run++) {
      const { us, events } = await once(one, size);
      // The kernel counts CPU time in steps of a few ms, so a run may seem to cost nothing.
      least = Math.min(least, Math.max(us / events, 0.1));
      longest = Math.max(longest, us);
    }
    const before = points.at(-1)?.us ?? least;
    points.push({ size, us: least });
    const more = size < EVENTS ? 1 : 10;
    if (longest * more * Math.max(1, least / before) > LONGEST_S * 1e6) break;
  }
  return points;
}

/** How much more an event costs at its most than at the cheapest smaller size. */
function growthOf(points: readonly Point[]): number {
  let [least, most] = [Number.POSITIVE_INFINITY, 1];
  for (const { us } of points) {
    most = Math.max(most, us / least);
    least = Math.min(least, us);
  }
  return most;
}

const page = new Page(
  'growth',
  `What an event costs in µs of CPU time, in the data path alone: a route between apps and servers that are in its process, at virtual time. Each column has another number of them at once; the lowest of up to ${RUNS} runs. It is flat if it costs at most ${FLAT} times what it costs at a smaller size. A size that would take more than ${LONGEST_S} s is left out.\n`,
);
const rows: string[][] = [];
for (const one of CASES) {
  const points = await grow(one);
  const growth = growthOf(points);
  const isWhole = points.length === one.sizes.length;
  const cells = SIZES.map((size) => points.find((point) => point.size === size)?.us.toPrecision(3) ?? '');
  const verdict = growth > FLAT ? '**not flat**' : isWhole ? 'flat' : 'flat so far';
  rows.push([one.what, ...cells, growth.toFixed(1), verdict]);
  console.error(rows.at(-1)?.join(' | '));
}
page.add(table(['', ...SIZES.map((size) => size.toLocaleString('en')), 'growth', ''], rows));
page.keep();
process.exit();
