import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Route } from '../proxy/route.ts';

/** How often to check whether requests in progress have ended. */
const CHECK_EVERY_MS = 10;
/** At most this share of the time is kept for requests in progress. */
const RESERVE_SHARE = 0.5;
/** How long failure replies to the remaining requests may take at the end. */
const LEAVE_MS = 1_000;
/** What waits in the kernel is read within so many turns of the event loop. */
const CALM_TURNS = 4;

export interface DrainSettings {
  timeoutMs: number;
  quietMs: number;
}

/**
 * Routes leave in three steps. This function does the first two, `leave` the third.
 *
 * 1. Keep serving, because an app that was told to stop at the same moment still has requests to send. This ends when it is quiet, or
 *    when the time that is left is needed for requests in progress: the longest deadline, at most half of the time.
 * 2. Refuse new requests, and let those in progress end as usual.
 * 3. Cut what has not ended when the time is up.
 *
 * @param isWantedAgain whether the routes are wanted again, so that the drain ends
 * @param refusing is called when the second step begins, if it does
 */
export async function drain(
  routes: readonly Route[],
  { timeoutMs, quietMs }: DrainSettings,
  { isWantedAgain = () => false, refusing }: { isWantedAgain?: () => boolean; refusing?: () => void } = {},
): Promise<void> {
  const untilMs = performance.now() + timeoutMs;
  const deadlines = routes.map(({ settings }) => settings.requests.retry.deadlineMs);
  const reserveMs = Math.min(RESERVE_SHARE * timeoutMs, Math.max(...deadlines));
  if ((await untilQuiet(routes, quietMs, timeoutMs - reserveMs)) || isWantedAgain()) return;
  for (const route of routes) route.refuse();
  refusing?.();
  await untilQuiet(routes, 0, untilMs - performance.now());
}

/**
 * Waits until every request has its outcome and nothing has happened for `quietMs`; at most `timeoutMs`.
 *
 * @returns false if the time was up first
 */
export async function untilQuiet(
  routes: readonly Route[],
  quietMs: number,
  timeoutMs: number,
): Promise<boolean> {
  const untilMs = performance.now() + timeoutMs;
  for (;;) {
    const nowMs = performance.now();
    const leftMs = untilMs - nowMs;
    const isSettled = routes.every((route) => route.isSettled);
    const missingMs = quietMs - Math.min(...routes.map((route) => route.idleMs(nowMs)));
    if (isSettled && missingMs <= 0) return true;
    if (leftMs <= 0) return false;
    await setTimeout(Math.min(leftMs, Math.max(isSettled ? missingMs : CHECK_EVERY_MS, 1)));
  }
}

/**
 * Sends a failure reply to every remaining request, which may take some turns of the event loop. Then requests come that apps have
 * sent ahead and that wait in the kernel: they get theirs too, for at most a second.
 */
export async function leave(routes: readonly Route[]): Promise<void> {
  const untilMs = performance.now() + LEAVE_MS;
  for (const route of routes) route.cut();
  for (let calmTurns = 0; calmTurns < CALM_TURNS && performance.now() < untilMs; calmTurns++) {
    const turnMs = performance.now();
    await setImmediate();
    const isCalm = (route: Route) =>
      route.isSettled && route.idleMs(performance.now()) > performance.now() - turnMs;
    if (!routes.every(isCalm)) calmTurns = 0;
  }
}
