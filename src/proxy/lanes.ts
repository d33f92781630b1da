import { messageOf } from '../errors.ts';
import type { Lane } from './lane.ts';
import type { Late } from './patience.ts';

/** A connection that stood this long was a good one: the next is tried at once. */
const HEALTHY_MS = 1_000;
const REOPEN_BASE_MS = 25;
const REOPEN_MAX_MS = 500;

/** The lanes of one endpoint. Sees to it that one is connected or on its way, the slower the more often that was in vain. */
export class Lanes {
  readonly #make: () => Lane;
  readonly #told: (event: string) => void;
  readonly #all = new Set<Lane>();
  #reopening: NodeJS.Timeout | undefined;
  /** Lanes in a row that ended before they were any good. */
  #failures = 0;
  #isFinished = false;

  /**
   * @param make throws where no descriptor is left
   * @param told what became of that, for people to read
   */
  constructor(make: () => Lane, told: (event: string) => void) {
    this.#make = make;
    this.#told = told;
  }

  get size(): number {
    return this.#all.size;
  }

  /** One that takes an attempt. */
  get free(): Lane | undefined {
    for (const lane of this.#all) if (lane.isFree) return lane;
    return undefined;
  }

  /** Whether one is being waited for that could not be opened, or was in vain. */
  get isReopening(): boolean {
    return this.#reopening !== undefined;
  }

  /** Of the late attempts, the one that was sent first and the one that was sent last. */
  late(): Late {
    const late = [...this.#all].flatMap(({ attempts }) => attempts.filter(({ phase }) => phase === 'late'));
    late.sort((one, other) => one.sentMs - other.sentMs);
    return { oldest: late[0], newest: late.at(-1) };
  }

  /** Attempts that have no reply yet, but for those that are late and were sent before then. */
  countExpected(sinceMs: number): number {
    let count = 0;
    for (const { attempts } of this.#all)
      for (const { phase, sentMs } of attempts) if (phase !== 'late' || sentMs >= sinceMs) count++;
    return count;
  }

  countOf(...kinds: Lane['state']['kind'][]): number {
    let count = 0;
    for (const { state } of this.#all) if (kinds.includes(state.kind)) count++;
    return count;
  }

  open(): void {
    try {
      this.#all.add(this.#make());
    } catch (error) {
      this.#told(`no socket: ${messageOf(error)}`);
      this.#failures++;
      this.keepOne();
    }
  }

  /** Opens one, now or after a while, unless there is one. */
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

  /** A reply has come: it is worth while to connect. */
  wasGood(): void {
    this.#failures = 0;
  }

  /**
   * The lane is closed.
   *
   * @param wasLost whether its connection has failed, where it stood for `wasReadyMs`
   */
  closed(lane: Lane, wasLost: boolean, wasReadyMs: number): void {
    this.#all.delete(lane);
    if (wasLost) this.#failures = wasReadyMs >= HEALTHY_MS ? 0 : this.#failures + 1;
  }

  /** Replies may be of another size. Those that the system would not let through need other connections: what is under way on the old ones ends there. */
  resize(messageBytes: number, isGrown: boolean): void {
    for (const lane of [...this.#all]) {
      lane.messageBytes = messageBytes;
      if (isGrown) lane.finish();
    }
    if (isGrown) this.keepOne();
  }

  /** Closes those that have had nothing to do for so long, all but the first. */
  trim(idleMs: number, nowMs: number): void {
    for (const lane of [...this.#all].slice(1)) if (lane.idleMs(nowMs) >= idleMs) lane.close();
  }

  /** Opens none any more; each takes nothing more, and closes when its attempts have ended. */
  finish(): void {
    this.#isFinished = true;
    clearTimeout(this.#reopening);
    for (const lane of this.#all) lane.finish();
  }

  /** Closes them all; attempts under way fail as lost. */
  close(): void {
    for (const lane of this.#all) lane.close();
  }
}
