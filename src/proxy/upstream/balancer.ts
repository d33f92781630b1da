import type { Latency } from './latency.ts';

/** An endpoint as the balancer sees it. */
export interface Choice {
  readonly inFlight: number;
  readonly latency: Latency;
}

/**
 * Chooses one of the endpoints that fit, wherever one is chosen. Whatever the rule is, it is asked only for free endpoints (or those that
 * can open another lane), and ejected ones do not fit while others are up.
 *
 * The rule: draw two endpoints at random; of those that fit, the one with the lower latency x (in flight + 1) wins. If one of the two has
 * no latency yet, the one with less in flight wins. Two draws cost the same with a thousand endpoints as with three. All
 * endpoints are checked only if neither of the two fits.
 *
 * @param random in [0, 1)
 */
export function choose<T extends Choice>(
  all: readonly T[],
  fits: (choice: T) => boolean,
  random: () => number,
  nowMs: number,
): T | undefined {
  const [a, b] = draw(all, random);
  if (a !== undefined && b !== undefined && fits(a)) return fits(b) && isBetter(b, a, nowMs) ? b : a;
  if (b !== undefined && fits(b)) return b;
  const fitting = all.filter(fits);
  const [c, d] = draw(fitting, random);
  return c !== undefined && d !== undefined && isBetter(d, c, nowMs) ? d : c;
}

/** Two different ones, or the same one twice if there is only one. */
function draw<T>(all: readonly T[], random: () => number): [T | undefined, T | undefined] {
  const first = Math.floor(random() * all.length);
  const second = all.length > 1 ? (first + 1 + Math.floor(random() * (all.length - 1))) % all.length : first;
  return [all[first], all[second]];
}

function isBetter(one: Choice, other: Choice, nowMs: number): boolean {
  const oneMs = one.latency.fadedMs(nowMs);
  const otherMs = other.latency.fadedMs(nowMs);
  if (oneMs === undefined || otherMs === undefined) return one.inFlight < other.inFlight;
  return oneMs * (one.inFlight + 1) < otherMs * (other.inFlight + 1);
}
