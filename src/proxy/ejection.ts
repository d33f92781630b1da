import type { EjectionSettings } from './settings.ts';

export type EjectionState =
  /** It gets its share of the work. */
  | { kind: 'in'; failures: number }
  /** It gets nothing while others exist. */
  | { kind: 'out'; sinceMs: number; untilMs: number }
  /** Its time is up, and one request tells whether it is good again; where none has told by `untilMs`, the next one does. */
  | { kind: 'probing'; sinceMs: number; untilMs: number };

/**
 * Leaves out an endpoint that fails again and again: for `base`, for twice that when the probe after it fails too, and so on
 * up to `max`, each time with up to a quarter more or less so that sidecars do not return together. (The idea of Envoy's
 * outlier detection and Linkerd's failure accrual.) Pure: clock and randomness are arguments.
 */
export class Ejection {
  readonly #settings: EjectionSettings;
  readonly #random: () => number;
  state: EjectionState = { kind: 'in', failures: 0 };
  /** Ejections in a row. */
  #times = 0;
  #returnedMs = Number.NEGATIVE_INFINITY;

  /** @param random in [0, 1) */
  constructor(settings: EjectionSettings, random: () => number) {
    this.#settings = settings;
    this.#random = random;
  }

  get isOut(): boolean {
    return this.state.kind !== 'in';
  }

  /** Whether the next request should be sent to it, to see whether it is good again. */
  isProbeDue(nowMs: number): boolean {
    return this.state.kind !== 'in' && nowMs >= this.state.untilMs;
  }

  /** The probe is being sent, and is waited for so long. */
  probe(nowMs: number, timeoutMs: number): void {
    this.state = { kind: 'probing', sinceMs: nowMs, untilMs: nowMs + timeoutMs };
  }

  /**
   * An attempt was answered in time.
   *
   * @param sentMs when it was sent: what was sent before the ejection does not end it
   * @returns whether the endpoint has returned by it
   */
  succeeded(sentMs: number, nowMs: number): boolean {
    if (this.state.kind !== 'in' && sentMs < this.state.sinceMs) return false;
    const hasReturned = this.isOut;
    this.state = { kind: 'in', failures: 0 };
    if (hasReturned) this.#returnedMs = nowMs;
    return hasReturned;
  }

  /**
   * An attempt has failed.
   *
   * @param sentMs when it was sent: what was sent before the endpoint's return, or before the probe, tells nothing new
   * @param mayEject whether another endpoint may be left out; asked only where it matters
   * @returns whether the endpoint is ejected by it, for the first time or again
   */
  failed(sentMs: number, nowMs: number, mayEject: () => boolean): boolean {
    const { state } = this;
    if (state.kind === 'out' || sentMs < (state.kind === 'in' ? this.#returnedMs : state.sinceMs))
      return false;
    if (state.kind === 'in') {
      state.failures++;
      if (state.failures < this.#settings.failures || !mayEject()) return false;
    }
    const { baseMs, maxMs } = this.#settings;
    const wasGood = state.kind === 'in' && nowMs - this.#returnedMs > maxMs;
    this.#times = wasGood ? 1 : this.#times + 1;
    const outMs = Math.min(maxMs, baseMs * 2 ** (this.#times - 1)) * (0.75 + this.#random() / 2);
    this.state = { kind: 'out', sinceMs: nowMs, untilMs: nowMs + outMs };
    return true;
  }
}

/** Whether another endpoint may be left out, of so many of which some are out already. */
export function mayEject(settings: EjectionSettings, endpoints: number, out: number): boolean {
  return out + 1 <= Math.floor(settings.maxFraction * endpoints);
}
