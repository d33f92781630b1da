import type { Lane } from './lane.ts';

/** A connection that lasted this long was good: the next attempt to connect starts at once. */
const HEALTHY_MS = 1_000;
const REOPEN_BASE_MS = 25;
const REOPEN_MAX_MS = 500;

/** The lanes of one endpoint. It keeps one lane connected or connecting, with longer pauses after repeated failures. */
export class Lanes {
  readonly #make: () => Lane;
  #all: Lane[] = [];
  #reopening: NodeJS.Timeout | undefined;
  /** How many lanes in a row failed early. */
  #failures = 0;
  #isFinished = false;

  constructor(make: () => Lane) {
    this.#make = make;
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

  /** Whether it is waiting to open a lane again after a failure. */
  get isReopening(): boolean {
    return this.#reopening !== undefined;
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
    if (this.#isFinished || this.#reopening !== undefined) return;
    if (this.countOf('ready', 'connecting', 'handshaking') > 0) return;
    if (this.#failures === 0) return this.open();
    const delayMs = Math.random() * Math.min(REOPEN_MAX_MS, REOPEN_BASE_MS * 2 ** this.#failures);
    this.#reopening = setTimeout(() => {
      this.#reopening = undefined;
      this.open();
    }, delayMs);
  }

  /** A reply has arrived: the endpoint is worth connecting to. */
  wasGood(): void {
    this.#failures = 0;
  }

  /**
   * The lane is closed.
   *
   * @param wasLost whether its connection failed
   * @param wasReadyMs how long it had been connected
   */
  closed(lane: Lane, wasLost: boolean, wasReadyMs: number): void {
    this.#all = this.#all.filter((one) => one !== lane);
    if (wasLost) this.#failures = wasReadyMs >= HEALTHY_MS ? 0 : this.#failures + 1;
  }

  /** Opens a new lane in place of the others. Attempts on those end there. */
  replace(): void {
    for (const lane of this.#all) lane.finish();
    this.keepOne();
  }

  /** Closes lanes that have been idle for this long, except the first. */
  trim(idleMs: number, nowMs: number): void {
    for (const lane of this.#all.slice(1)) if (lane.idleMs(nowMs) >= idleMs) lane.close();
  }

  /** Opens no more lanes. Each takes no more attempts, and closes when its own have ended. */
  finish(): void {
    this.#isFinished = true;
    clearTimeout(this.#reopening);
    for (const lane of this.#all) lane.finish();
  }

  /** Closes all lanes; attempts in flight fail as lost. */
  close(): void {
    for (const lane of this.#all) lane.close();
  }
}
