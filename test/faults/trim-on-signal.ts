/*
 * Loaded into a sidecar before its own code: on SIGWINCH, which processes ignore by default, it closes idle lanes at once. Normally they
 * are closed after a minute, by what runs every 10 s: that runs at once, and by its clock there is no end of time.
 */
import { flushCompileCache } from 'node:module';

/** The same as in endpoint-set.ts. */
const TRIM_EVERY_MS = 10_000;
const trims = new Map<NodeJS.Timeout, () => void>();
const { setInterval, clearInterval, performance } = globalThis;

globalThis.setInterval = Object.assign((run: () => void, everyMs?: number, ...args: []) => {
  const interval = setInterval(run, everyMs, ...args);
  if (everyMs === TRIM_EVERY_MS) trims.set(interval, run);
  return interval;
}, setInterval) as typeof setInterval;
globalThis.clearInterval = (interval) => {
  trims.delete(interval as NodeJS.Timeout);
  clearInterval(interval);
};
process.on('SIGWINCH', () => {
  const { now } = performance;
  performance.now = () => Number.POSITIVE_INFINITY;
  for (const trim of trims.values()) trim();
  performance.now = now;
});
// Most of these processes are killed.
flushCompileCache();
