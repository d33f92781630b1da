import { Session } from 'node:inspector';

// From the beginning: what is compiled before is not counted in full.
const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });

/**
 * Runs something and counts how often a function was called or a block of code was entered meanwhile, those of libraries included. It is
 * the same on every machine, and a loop that goes on for longer than it should is seen in it.
 */
export function workOf(run: () => void): number {
  taken();
  run();
  return taken();
}

/** Since it was asked before. */
function taken(): number {
  let work = 0;
  session.post('Profiler.takePreciseCoverage', (error, coverage) => {
    if (error !== null) throw error;
    for (const { functions } of coverage.result)
      for (const { ranges } of functions) for (const { count } of ranges) work += count;
  });
  return work;
}
