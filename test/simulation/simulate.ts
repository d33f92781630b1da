import type { Report } from './simulation.ts';
import { VirtualTime } from './virtual-time.ts';

/**
 * Prepares this process: from here on, clock, timers and random numbers are virtual.
 *
 * @returns a function that runs one seed
 */
export async function prepare(): Promise<(seed: number, trace?: (line: string) => void) => Promise<Report>> {
  const time = new VirtualTime();
  time.install();
  const { simulate } = await import('./simulation.ts');
  return (seed, trace) => simulate(seed, time, trace);
}

/** What a seed broke, and the command that replays it. */
export function replayLine(seed: number, { violations }: Report): string {
  return `seed ${seed}: ${violations[0]} (npm run simulate -- --seed ${seed})`;
}
