import { join } from 'node:path';
import { scratch } from './scratch.ts';
import { filesOf, monotonicMs, type Stall, StallRecorder, textOf } from './stall-recorder.ts';

/*
 * When this process and those that it has started stood still. What is promised within a time is promised "plus any time the process was
 * stalled", and on a busy machine each of them is.
 */

const RECORDER = new URL('record-stalls.ts', import.meta.url).href;
const folder = scratch();
const own: Stall[] = [];
const recorder = new StallRecorder((stall) => own.push(stall));
// For each process of Node that a `Program` is from now on.
process.env['LAZYPIRATE_TEST_OPTIONS'] =
  `--import=${RECORDER} ${process.env['LAZYPIRATE_TEST_OPTIONS'] ?? ''}`;
process.env['TEST_STALLS_FOLDER'] = folder;

/** Whether this process was stalled for at least so long since a moment that long ago, as when an answer took `sinceMs`. */
export function wasStalled(sinceMs: number, byMs: number): boolean {
  const nowMs = monotonicMs();
  return stalledMs(nowMs - sinceMs, nowMs, []) >= byMs;
}

/**
 * For how much of this time this process or one of these others stood still.
 *
 * @param pids of those others; all that this process has started, where none are given
 */
export function stalledMs(fromMs: number, toMs: number, pids?: readonly number[]): number {
  const { current } = recorder;
  const others = (pids?.map(String) ?? filesOf(folder)).flatMap((pid) => stallsOf(textOf(join(folder, pid))));
  const all = [...own, ...others, ...(current === undefined ? [] : [current])];
  let [total, untilMs] = [0, fromMs];
  for (const stall of all.sort((one, other) => one.fromMs - other.fromMs)) {
    const [beginMs, endMs] = [Math.max(stall.fromMs, untilMs), Math.min(stall.toMs, toMs)];
    if (endMs <= beginMs) continue;
    total += endMs - beginMs;
    untilMs = endMs;
  }
  return total;
}

function stallsOf(text: string): Stall[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [fromMs = 0, toMs = 0] = line.split(' ').map(Number);
      return { fromMs, toMs };
    });
}
