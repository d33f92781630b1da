import type { EjectionSettings } from '../settings.ts';

type EjectionState =
  /** The endpoint gets its share of the requests. */
  | { kind: 'in' }
  /** The endpoint gets no requests while there are others. */
  | { kind: 'out'; sinceMs: number; untilMs: number }
  /** Its time is up, and one request probes whether it works again. Without a result by `untilMs`, the next request probes. */
  | { kind: 'probing'; sinceMs: number; untilMs: number };

/**
 * Ejects an endpoint that fails repeatedly: first for `base`, then for twice as long each time the probe fails too, up to
 * `max`. Each time varies by up to a quarter, so that sidecars do not return at the same moment. (The idea comes from Envoy's
 * outlier detection and Linkerd's failure accrual.) Pure: clock and randomness are arguments.
 */
export class Ejection {
  #settings: EjectionSettings;
  readonly #random: () => number;
  state: EjectionState = { kind: 'in' };
  /** Failed attempts since the last one that was answered in time. */
  failuresInARow = 0;
  /** Ejections in a row. */
  #times = 0;
  #returnedMs = Number.NEGATIVE_INFINITY;

  /** @param random in [0, 1) */
  constructor(settings: EjectionSettings, random: () => number) {
    this.#settings = settings;
    this.#random = random;
  }

  /**
   * Goes on with other settings: what is out stays out, for no longer than they allow.
   *
   * @returns whether the endpoint has returned, because nothing is to be left out any more
   */
  adjust(settings: EjectionSettings, nowMs: number): boolean {
    this.#settings = settings;
    const { state } = this;
    if (state.kind === 'in') return false;
    if (settings.maxFraction > 0) {
      this.state = { ...state, untilMs: Math.min(state.untilMs, nowMs + settings.maxMs) };
      return false;
    }
    this.state = { kind: 'in' };
    this.failuresInARow = 0;
    this.#returnedMs = nowMs;
    return true;
  }

  get isOut(): boolean {
    return this.state.kind !== 'in';
  }

  /** When the next request should probe it; `undefined` while it is in. */
  get probeDueMs(): number | undefined {
    return this.state.kind === 'in' ? undefined : this.state.untilMs;
  }

  isProbeDue(nowMs: number): boolean {
    return this.state.kind !== 'in' && nowMs >= this.state.untilMs;
  }

  /** A probe is being sent; its result is awaited for `timeoutMs`. */
  probe(nowMs: number, timeoutMs: number): void {
    this.state = { kind: 'probing', sinceMs: nowMs, untilMs: nowMs + timeoutMs };
  }

  /**
   * An attempt was given up before its time, or never left. That tells nothing. If it was the probe, the next request probes at once: were
   * its time waited out, a retry that a late reply always cuts short could keep the endpoint from ever being judged.
   */
  cutShort(sentMs: number, nowMs: number): void {
    const { state } = this;
    if (state.kind === 'probing' && sentMs === state.sinceMs) this.state = { ...state, untilMs: nowMs };
  }

  /**
   * An attempt was answered in time.
   *
   * @param sentMs when it was sent: an attempt sent before the ejection does not end it
   * @returns whether this ended the ejection
   */
  succeeded(sentMs: number, nowMs: number): boolean {
    const { state } = this;
    if (state.kind !== 'in' && sentMs < state.sinceMs) return false;
    this.failuresInARow = 0;
    if (state.kind === 'in') return false;
    this.state = { kind: 'in' };
    this.#returnedMs = nowMs;
    return true;
  }

  /**
   * An attempt failed.
   *
   * @param sentMs when it was sent: an attempt sent before the endpoint's return, or before the probe, tells nothing new
   * @param mayEject whether one more endpoint may be ejected; called only if needed
   * @returns whether this ejected the endpoint, for the first time or again
   */
  failed(sentMs: number, nowMs: number, mayEject: () => boolean): boolean {
    const { state } = this;
    if (state.kind === 'out' || sentMs < (state.kind === 'in' ? this.#returnedMs : state.sinceMs))
      return false;
    this.failuresInARow++;
    if (state.kind === 'in' && (this.failuresInARow < this.#settings.failures || !mayEject())) return false;
    const { baseMs, maxMs } = this.#settings;
    const wasGood = state.kind === 'in' && nowMs - this.#returnedMs > maxMs;
    this.#times = wasGood ? 1 : this.#times + 1;
    const outMs = Math.min(maxMs, baseMs * 2 ** (this.#times - 1)) * (0.75 + this.#random() / 2);
    this.state = { kind: 'out', sinceMs: nowMs, untilMs: nowMs + outMs };
    return true;
  }
}

/** Whether one more endpoint may be ejected. */
export function mayEject(settings: EjectionSettings, endpoints: number, out: number): boolean {
  return out + 1 <= Math.floor(settings.maxFraction * endpoints);
}
