import { type Choice, choose } from './balancer.ts';

/** An endpoint that an attempt may be sent to. */
export interface Candidate extends Choice {
  readonly address: string;
  readonly isUp: boolean;
  readonly isFree: boolean;
  readonly isEjected: boolean;
  isProbeDue(nowMs: number): boolean;
}

/**
 * Two random choices among those that are free and fit, first among those that have not been tried; one whose probe is due
 * comes before all others.
 *
 * @param ejected how many of them are left out
 */
export function select<T extends Candidate>(
  all: readonly T[],
  ejected: number,
  tried: readonly string[],
  fits: (candidate: T) => boolean,
  random: () => number,
  nowMs: number,
): T | undefined {
  const isFitting = (one: T) => one.isFree && fits(one);
  const probed = ejected > 0 ? all.find((one) => isFitting(one) && one.isProbeDue(nowMs)) : undefined;
  if (probed !== undefined) return probed;
  const isWanted = wanted(all, ejected);
  const isFree = (one: T) => isFitting(one) && isWanted(one);
  const isUntried = (one: T) => isFree(one) && !tried.includes(one.address);
  const fresh = choose(all, tried.length > 0 ? isUntried : isFree, random, nowMs);
  if (fresh !== undefined || tried.length === 0) return fresh;
  return choose(all, isFree, random, nowMs);
}

/** Which to use: the ejected are left out while another is up; where none is, what there is must do. */
export function wanted(all: readonly Candidate[], ejected: number): (candidate: Candidate) => boolean {
  const mayLeaveOut = ejected > 0 && all.some((one) => one.isUp && !one.isEjected);
  return mayLeaveOut ? (one) => one.isUp && !one.isEjected : (one) => one.isUp;
}
