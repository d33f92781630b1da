import type { BudgetSettings } from '../settings.ts';

/** How fast earned retries fade. */
const MEMORY_MS = 10_000;

/**
 * The retry budget limits how much load retries may add, so that they cannot bury an upstream that is only slow. Each request
 * earns `ratio` retries, which fade over about ten seconds. In addition, `minPerSecond` retries are always allowed. They can be
 * saved up for one second, or longer if it takes longer to save up one retry. So within a time t from the start:
 *
 *     retries <= requests x ratio + minPerSecond x (t + 1 s)
 *
 * (The idea comes from the budgets of Finagle and Linkerd.) Pure: the clock is an argument.
 */
export class RetryBudget {
  #settings: BudgetSettings;
  #earned = 0;
  #floor: number;
  #floorMost: number;
  #atMs: number;

  constructor(settings: BudgetSettings, nowMs: number) {
    this.#settings = settings;
    this.#floor = settings.minPerSecond;
    this.#floorMost = floorMost(settings);
    this.#atMs = nowMs;
  }

  /** Applies changed settings. Earned retries stay, and nothing is refilled. */
  adjust(settings: BudgetSettings, nowMs: number): void {
    this.#age(nowMs);
    this.#settings = settings;
    this.#floorMost = floorMost(settings);
    this.#floor = Math.min(this.#floor, this.#floorMost);
  }

  /** Call this for each new request: it earns its share of a retry. */
  deposit(nowMs: number): void {
    this.#age(nowMs);
    this.#earned += this.#settings.ratio;
  }

  /** Takes one retry out of the budget, if one is left. @returns whether it did */
  withdraw(nowMs: number): boolean {
    this.#age(nowMs);
    if (this.#floor >= 1) this.#floor -= 1;
    else if (this.#earned >= 1) this.#earned -= 1;
    else if (this.#floor + this.#earned >= 1) {
      this.#earned -= 1 - this.#floor;
      this.#floor = 0;
    } else return false;
    return true;
  }

  /** How many retries it would allow at once. */
  left(nowMs: number): number {
    this.#age(nowMs);
    return Math.floor(this.#floor + this.#earned);
  }

  #age(nowMs: number): void {
    const elapsedMs = nowMs - this.#atMs;
    if (elapsedMs <= 0) return;
    const { minPerSecond } = this.#settings;
    this.#atMs = nowMs;
    this.#earned *= Math.exp(-elapsedMs / MEMORY_MS);
    this.#floor = Math.min(this.#floorMost, this.#floor + (minPerSecond * elapsedMs) / 1000);
  }
}

/** A rate below one a second saves up for one retry. */
function floorMost({ minPerSecond }: BudgetSettings): number {
  return minPerSecond > 0 ? Math.max(1, minPerSecond) : 0;
}
