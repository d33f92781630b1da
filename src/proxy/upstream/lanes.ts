import type { Lane } from './lane.ts';

/** A connection that lasted this long was good: the next attempt to connect starts at once. */
const HEALTHY_MS = 1_000;
const REOPEN_BASE_MS = 25;
const REOPEN_MAX_MS = 500;

/** The lanes of one endpoint. It keeps one lane connected or connecting, with longer pauses after repeated failures. */
export class Lanes {
  readonly #make: () => Lane;
  readonly #mayGrow: () => void;
  #all: Lane[] = [];
  #pause: NodeJS.Timeout | undefined;
  /** How many lanes in a row failed early. */
  #failures = 0;
  #isFinished = false;

  /** @param mayGrow called when the pause is over after which another lane may be opened, if that is not done here */
  constructor(make: () => Lane, mayGrow: () => void) {
    this.#make = make;
    this.#mayGrow = mayGrow;
  }

  get size(): number {
    return this.#all.length;
  }

  /** A lane with room for an attempt. */
  get free(): Lane | undefined {
    for (const lane of this.#all) if (lane.isFree) return lane;
    return undefined;
  }

  /** Whether one of them carries as many attempts as the endpoint may have. */
  get hasCorrelated(): boolean {
    for (const lane of this.#all) if (lane.isCorrelated && lane.state.kind === 'ready') return true;
    return false;
  }

  /** Whether no lane is opened for a while, because one has failed. */
  get isPausing(): boolean {
    return this.#pause !== undefined;
  }

  countOf(...kinds: Lane['state']['kind'][]): number {
    let count = 0;
    for (const { state } of this.#all) if (kinds.includes(state.kind)) count++;
    return count;
  }

  open(): void {
    this.#all.push(this.#make());
  }

  /** Opens a lane, now or after a pause, unless there is one. */
  keepOne(): void {
    if (this.#isFinished || this.isPausing || this.#hasOne) return;
    if (this.#failures === 0) this.open();
    else this.#takePause();
  }

  /** A reply has arrived: the endpoint is worth connecting to. */
  wasGood(): void {
    this.#failures = 0;
  }

  /**
   * The lane is closed.
   *
   * @param wasLost whether its connection failed
   * @param wasReadyMs how long it had been connected; 0: never
   */
  closed(lane: Lane, wasLost: boolean, wasReadyMs: number): void {
    this.#all = this.#all.filter((one) => one !== lane);
    if (!wasLost) return;
    this.#failures = wasReadyMs >= HEALTHY_MS ? 0 : this.#failures + 1;
    if (wasReadyMs === 0 && !this.#isFinished && !this.isPausing) this.#takePause();
  }

  /** Opens a new lane in place of the others. Attempts on those end there. */
  replace(): void {
    for (const lane of this.#all) lane.finish();
    this.keepOne();
  }

  /** Closes lanes that have been idle for this long, except the first that is connected. */
  trim(idleMs: number, nowMs: number): void {
    const [, ...others] = this.#all.filter(({ state }) => state.kind === 'ready');
    for (const lane of others) if (lane.idleMs(nowMs) >= idleMs) lane.close();
  }

  /** Opens no more lanes. Each takes no more attempts, and closes when its own have ended. */
  finish(): void {
    this.#isFinished = true;
    clearTimeout(this.#pause);
    for (const lane of this.#all) lane.finish();
  }

  /** Closes all lanes; attempts in flight fail as lost. */
  close(): void {
    for (const lane of this.#all) lane.close();
  }

  get #hasOne(): boolean {
    return this.countOf('ready', 'connecting', 'handshaking') > 0;
  }

  #takePause(): void {
    const delayMs = Math.random() * Math.min(REOPEN_MAX_MS, REOPEN_BASE_MS * 2 ** this.#failures);
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      if (this.#hasOne) this.#mayGrow();
      else this.open();
    }, delayMs);
  }
}
