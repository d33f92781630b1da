import type { EjectionSettings } from '../settings.ts';
import type { EndpointStateKind, Trouble } from '../status.ts';
import { Ejection } from './ejection.ts';
import type { EndpointReport } from './endpoint-report.ts';
import { tooManyUnanswered, type Unanswered } from './trouble.ts';

/** Its state, whether it is ejected or not. */
type HealthState = Exclude<EndpointStateKind, 'ejected'>;

/** Whether an endpoint can be used: whether it is connected, ejected, or removed from the set. Each change is reported. */
export class EndpointHealth {
  /** Only this file changes it. */
  state: HealthState = 'connecting';
  #settings: EjectionSettings;
  readonly #ejection: Ejection;
  readonly #report: EndpointReport;
  readonly #probeDue: () => void;
  #untilProbe: NodeJS.Timeout | undefined;

  /** @param probeDue called when the time of an ejection is up, and when that of a probe is up without a result */
  constructor(
    settings: EjectionSettings,
    report: EndpointReport,
    random: () => number,
    probeDue: () => void,
  ) {
    this.#settings = settings;
    this.#ejection = new Ejection(settings, random);
    this.#report = report;
    this.#probeDue = probeDue;
  }

  /** It is no longer in the set. */
  get isRemoved(): boolean {
    return this.state === 'terminating' || this.state === 'gone';
  }

  get isEjected(): boolean {
    return this.#ejection.isOut;
  }

  isProbeDue(nowMs: number): boolean {
    return this.#ejection.isProbeDue(nowMs);
  }

  /** An attempt is being sent: as the probe if one is due, whose result is awaited for `timeoutMs`. */
  sending(nowMs: number, timeoutMs: number): void {
    if (this.#ejection.state.kind === 'in' || !this.isProbeDue(nowMs)) return;
    this.#ejection.probe(nowMs, timeoutMs);
    this.#awaitProbe(nowMs);
  }

  /** @returns whether it was ejected and is no longer */
  adjust(settings: EjectionSettings): boolean {
    this.#settings = settings;
    const nowMs = performance.now();
    if (this.#ejection.adjust(settings, nowMs)) return this.#returned('ejection is turned off');
    this.#awaitProbe(nowMs);
    return false;
  }

  /** A connection is open. @returns whether it came up */
  opened(): boolean {
    if (this.state === 'up') return false;
    this.state = 'up';
    if (!this.isEjected) this.#report.become('up', 'connected');
    return true;
  }

  /**
   * A connection has failed, or takes long. If we closed one ourselves, that says nothing.
   *
   * @param isOpen whether another one is open
   * @returns whether it went down
   */
  tried(trouble: Trouble, isOpen: boolean): boolean {
    if (this.state !== 'up') {
      if (this.#report.kind === this.state) this.#report.tried(trouble);
      return false;
    }
    if (isOpen) return false;
    this.state = 'down';
    if (!this.isEjected) this.#report.become('down', trouble);
    return true;
  }

  /** An attempt was answered in time. @returns whether it was ejected and is no longer */
  answered(sentMs: number, nowMs: number): boolean {
    return this.#ejection.succeeded(sentMs, nowMs) && this.#returned('it answered');
  }

  /**
   * An attempt was not answered. Ejects it if this is one too many.
   *
   * @returns whether it is ejected and was not before
   */
  unanswered(sentMs: number, nowMs: number, why: Unanswered, mayEject: () => boolean): boolean {
    const wasEjected = this.isEjected;
    if (this.isRemoved || !this.#ejection.failed(sentMs, nowMs, mayEject)) return false;
    const what = wasEjected ? 'the probe failed' : `${this.#settings.failures} failures in a row`;
    this.#report.become('ejected', tooManyUnanswered(what, why));
    this.#awaitProbe(nowMs);
    return !wasEjected;
  }

  /** An attempt was given up before its time, or never left. */
  cutShort(sentMs: number, nowMs: number): void {
    this.#ejection.cutShort(sentMs, nowMs);
  }

  /** It is no longer in the set. */
  terminate(why: string, hasAttempts: boolean): void {
    this.state = 'terminating';
    clearTimeout(this.#untilProbe);
    if (hasAttempts) this.#report.become('terminating', why);
    else this.#report.cause = why;
  }

  /** Nothing is left of it. @returns whether that is new */
  emptied(): boolean {
    if (this.state === 'gone') return false;
    this.state = 'gone';
    this.#report.become('gone', this.#report.why);
    return true;
  }

  status(nowMs: number) {
    const { probeDueMs, failuresInARow } = this.#ejection;
    const nextProbeMs = probeDueMs === undefined ? undefined : Math.max(0, probeDueMs - nowMs);
    return { ...this.#report.status(nowMs), failuresInARow, nextProbeMs };
  }

  /** Those who stand in line may be all that could probe it, and nothing else may happen meanwhile. */
  #awaitProbe(nowMs: number): void {
    clearTimeout(this.#untilProbe);
    const { probeDueMs } = this.#ejection;
    if (probeDueMs === undefined || this.isRemoved) return;
    // A timer of Node may fire a little early.
    const look = () =>
      this.isProbeDue(performance.now()) ? this.#probeDue() : this.#awaitProbe(performance.now());
    this.#untilProbe = setTimeout(look, Math.max(1, Math.ceil(probeDueMs - nowMs))).unref();
  }

  #returned(why: string): boolean {
    clearTimeout(this.#untilProbe);
    if (this.isRemoved) return false;
    this.#report.become(this.state, why);
    return true;
  }
}
