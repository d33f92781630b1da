import type { Config, LogLevel } from '../../config/config.ts';
import type { Log } from './log.ts';

/** What may be changed while running. */
export type LogSettings = Pick<Config['log'], 'level' | 'sample' | 'slowMs'>;

/** What is logged now. */
export interface LogState extends LogSettings {
  /** When it will be as configured again; `undefined` if it is. */
  until: Date | undefined;
}

interface Change {
  settings: Partial<LogSettings>;
  until: Date;
  timer: NodeJS.Timeout;
}

const TOGGLED_MS = 600_000;

/** Changes what is logged for a while, and changes it back. What is in force is the configuration, and above it the changes. */
export class LogControl {
  readonly #log: Log;
  #configured: LogSettings;
  #change: Change | undefined;
  /** Kept, because it is read for each request. */
  #inForce: LogSettings;

  constructor(log: Log, configured: LogSettings) {
    this.#log = log;
    this.#configured = configured;
    this.#inForce = configured;
  }

  get inForce(): LogSettings {
    return this.#inForce;
  }

  get state(): LogState {
    const { level, sample, slowMs } = this.#inForce;
    return { level, sample, slowMs, until: this.#change?.until };
  }

  /** What the configuration says. */
  get configured(): LogSettings {
    return this.#configured;
  }

  /** Another configuration is in force. Where something was changed for a while, that stays as it is until its time is up. */
  configure(settings: Config['log']): void {
    this.#configured = settings;
    this.#log.format = settings.format;
    this.#inForce = this.#merged();
    this.#log.level = this.#inForce.level;
  }

  /**
   * What an earlier change has set besides stays for the same time.
   *
   * @param by what has asked for it
   */
  change(settings: Partial<LogSettings>, forMs: number, by: string): void {
    const merged = { ...this.#change?.settings, ...settings };
    clearTimeout(this.#change?.timer);
    const timer = setTimeout(() => this.revert('its time is up'), forMs).unref();
    this.#change = { settings: merged, until: new Date(Date.now() + forMs), timer };
    this.#apply({ by, until: this.#change.until }, 'log changed for a while');
  }

  /** Everything is as configured again. */
  revert(by: string): void {
    if (this.#change === undefined) return;
    clearTimeout(this.#change.timer);
    this.#change = undefined;
    this.#apply({ by }, 'log is as configured again');
  }

  /** Changes the level to debug for 10 minutes or, if a change has done so, reverts everything. */
  toggleDebug(by: string): void {
    const level = this.#change?.settings.level;
    if (level === 'debug' || level === 'trace') this.revert(by);
    else this.change({ level: 'debug' }, TOGGLED_MS, by);
  }

  #merged(): LogSettings {
    return { ...this.#configured, ...this.#change?.settings };
  }

  /** Logs the change while the more talkative of both levels is set, so that one sees where the lines begin or end. */
  #apply(why: object, message: string): void {
    const before = this.#inForce.level;
    this.#inForce = this.#merged();
    const { level, sample, slowMs = null } = this.#inForce;
    this.#log.level = this.#rank(before) < this.#rank(level) ? before : level;
    this.#log.info({ ...why, logLevel: level, sample, slowMs }, message);
    this.#log.level = level;
  }

  #rank(level: LogLevel): number {
    return this.#log.levels.values[level] ?? Number.POSITIVE_INFINITY;
  }
}
