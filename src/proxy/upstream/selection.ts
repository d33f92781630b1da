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
 * Chooses an endpoint that is free and fits: first one whose probe is due, then the better of two random ones that the request
 * has not tried, then of any two.
 *
 * @param ejected how many of them are ejected
 */
export function select<T extends Candidate>(
  all: readonly T[],
  ejected: number,
  tried: readonly string[],
  fits: ((candidate: T) => boolean) | undefined,
  random: () => number,
  nowMs: number,
): T | undefined {
  const [only] = all;
  // The same, but quicker.
  if (only !== undefined && all.length === 1)
    return only.isUp && only.isFree && (fits === undefined || fits(only)) ? only : undefined;
  const isFitting = (one: T) => one.isFree && (fits === undefined || fits(one));
  const probed = ejected > 0 ? all.find((one) => isFitting(one) && one.isProbeDue(nowMs)) : undefined;
  if (probed !== undefined) return probed;
  const isWanted = wanted(all, ejected);
  const isFree = (one: T) => isFitting(one) && isWanted(one);
  const isUntried = (one: T) => isFree(one) && !tried.includes(one.address);
  const fresh = choose(all, tried.length > 0 ? isUntried : isFree, random, nowMs);
  if (fresh !== undefined || tried.length === 0) return fresh;
  return choose(all, isFree, random, nowMs);
}

/** Which endpoints to use: ejected ones are left out while another one is up. */
export function wanted(all: readonly Candidate[], ejected: number): (candidate: Candidate) => boolean {
  const mayLeaveOut = ejected > 0 && all.some((one) => one.isUp && !one.isEjected);
  return mayLeaveOut ? (one) => one.isUp && !one.isEjected : (one) => one.isUp;
}
