import { readdirSync, readFileSync } from 'node:fs';
import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import { pause } from '../lifecycle/pause.ts';
import { Snapshots } from './recent.ts';

const EVERY_MS = 5_000;
const RECENT_MS = 60_000;
/** What the system says of the CPU limit of this container: cgroup v2, and v1. */
const CPU_STATS = ['/sys/fs/cgroup/cpu.stat', '/sys/fs/cgroup/cpu/cpu.stat'];

/** How this process is doing; shares of the last minute. */
export interface ProcessStatus {
  /** `null` where the system does not say. */
  descriptors: { open: number; most: number } | null;
  /** How much of the time the event loop was busy, and how late it was at most. */
  eventLoop: { busy: number; lateMs: number };
  /** In how many of its periods the CPU limit has stopped this container; `null`: no limit. */
  throttled: number | null;
}

interface Reading {
  loop: EventLoopUtilization;
  /** By how much the event loop was late just now. */
  lateMs: number;
  throttle: { periods: number; throttled: number } | undefined;
}

/** Looks after the process itself: a few numbers every 5 s. */
export class ProcessFigures {
  readonly #readings = new Snapshots<Reading>(reading(0), performance.now());

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for (
      let dueMs = performance.now() + EVERY_MS;
      await pause(EVERY_MS, signal);
      dueMs = performance.now() + EVERY_MS
    )
      this.#readings.add(reading(Math.max(0, performance.now() - dueMs)), performance.now());
  }

  status(): ProcessStatus {
    const now = reading(0);
    const { content: then } = this.#readings.from(RECENT_MS, performance.now());
    const { utilization } = performance.eventLoopUtilization(now.loop, then.loop);
    return {
      descriptors: descriptors(),
      eventLoop: { busy: utilization, lateMs: this.#readings.most(({ lateMs }) => lateMs) },
      throttled: throttledShare(then, now),
    };
  }
}

function reading(lateMs: number): Reading {
  return { loop: performance.eventLoopUtilization(), lateMs, throttle: throttle() };
}

function throttledShare({ throttle: then }: Reading, { throttle: now }: Reading): number | null {
  if (then === undefined || now === undefined) return null;
  const periods = now.periods - then.periods;
  return periods === 0 ? null : (now.throttled - then.throttled) / periods;
}

function throttle(): Reading['throttle'] {
  const text = CPU_STATS.map(textOf).find((one) => one !== '') ?? '';
  const [periods, throttled] = ['nr_periods', 'nr_throttled'].map((name) =>
    Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? Number.NaN),
  );
  return periods === undefined || throttled === undefined || Number.isNaN(periods + throttled)
    ? undefined
    : { periods, throttled };
}

function descriptors(): ProcessStatus['descriptors'] {
  try {
    const most = Number(/^Max open files +(\d+)/m.exec(textOf('/proc/self/limits'))?.[1]);
    return Number.isNaN(most) ? null : { open: readdirSync('/proc/self/fd').length, most };
  } catch {
    return null;
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
