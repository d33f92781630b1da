import type { Log } from '../log/log.ts';

/** What waits at most. */
export const SPANS_MOST = 2_048;
/** What is sent at once at most: encoding so many takes a millisecond or two, in which no request gets on. */
const BATCH_MOST = 128;
/** Requests that are traced in any case find room when those that were chosen at random do not. */
const SAMPLED_SHARE = 0.75;
const PACE_MS = 1_000;
const PAUSE_MOST_MS = 30_000;

/** `failed`: `isLasting` if the same spans would fail again. */
export type SendResult =
  | { kind: 'taken'; rejected: number }
  | { kind: 'failed'; why: string; isLasting: boolean };

/** Why spans were not exported: no room to wait, the collector could not be reached or refused all of them, it refused some. */
export const DROP_REASONS = ['queue_full', 'export_failed', 'rejected'] as const;

type DropReason = (typeof DROP_REASONS)[number];

export interface SpanCounts {
  exported(count: number): void;
  dropped(reason: DropReason, count: number): void;
}

interface SpanQueueContext<T> {
  /** Must not reject. */
  send(spans: readonly T[], signal: AbortSignal): Promise<SendResult>;
  counts: SpanCounts;
  log: Pick<Log, 'warn' | 'info'>;
  paceMs?: number;
}

/**
 * Spans that wait to be sent. Once a second, as many are sent as the queue holds, so tracing takes a limited share of the process,
 * whatever happens. While the collector fails, the pauses grow, and when the queue is full the oldest spans make room.
 */
export class SpanQueue<T> {
  readonly #context: SpanQueueContext<T>;
  readonly #paceMs: number;
  readonly #stop = new AbortController();
  #spans: T[] = [];
  #pauseMs: number;
  #isFailing = false;
  /** Not exported since it started failing. */
  #lost = 0;
  #state:
    | { kind: 'idle' | 'closed' }
    | { kind: 'pausing'; timer: NodeJS.Timeout }
    | { kind: 'sending'; done: Promise<void> } = { kind: 'idle' };

  constructor(context: SpanQueueContext<T>) {
    this.#context = context;
    this.#paceMs = context.paceMs ?? PACE_MS;
    this.#pauseMs = this.#paceMs;
  }

  /**
   * Asks for room. If there is none, the spans count as dropped, and need not be made.
   *
   * @param isSampled whether they are of a request that was only chosen at random
   */
  hasRoom(count: number, isSampled: boolean): boolean {
    const most = isSampled ? SPANS_MOST * SAMPLED_SHARE : SPANS_MOST;
    if (this.#state.kind !== 'closed' && this.#spans.length + count <= most) return true;
    this.#drop('queue_full', count);
    return false;
  }

  /** Adds spans for which there is room. */
  add(spans: readonly T[]): void {
    this.#spans.push(...spans);
    if (this.#state.kind === 'idle') this.#pause();
  }

  /** Sends what waits. What has not been sent after this time is dropped. */
  async close(withinMs: number): Promise<void> {
    const before = this.#state;
    this.#state = { kind: 'closed' };
    if (before.kind === 'pausing') clearTimeout(before.timer);
    if (withinMs <= 0) this.#stop.abort();
    const timer = setTimeout(() => this.#stop.abort(), Math.max(0, withinMs));
    if (before.kind === 'sending') await before.done;
    await this.#sendAll();
    clearTimeout(timer);
    if (this.#spans.length === 0) return;
    this.#context.log.warn({ dropped: this.#spans.length }, 'spans dropped: they could not be sent in time');
    this.#drop('export_failed', this.#spans.length);
    this.#spans = [];
  }

  #pause(): void {
    const timer = setTimeout(() => {
      this.#state = { kind: 'sending', done: this.#sendAll().then(() => this.#next()) };
    }, this.#pauseMs);
    // Nobody needs the process for this: `close` sends the rest.
    timer.unref();
    this.#state = { kind: 'pausing', timer };
  }

  #next(): void {
    if (this.#state.kind === 'closed') return;
    this.#state = { kind: 'idle' };
    if (this.#spans.length > 0) this.#pause();
  }

  /** Sends at most what the queue holds, until something fails. */
  async #sendAll(): Promise<void> {
    for (let left = SPANS_MOST; left > 0 && this.#spans.length > 0; left -= BATCH_MOST) {
      if (this.#stop.signal.aborted) return;
      const batch = this.#spans.splice(0, BATCH_MOST);
      const result = await this.#context.send(batch, this.#stop.signal);
      if (result.kind === 'failed') return this.#failed(batch, result);
      this.#taken(batch.length, result.rejected);
    }
  }

  #taken(count: number, rejected: number): void {
    const { counts, log } = this.#context;
    counts.exported(count - rejected);
    if (rejected > 0) this.#drop('rejected', rejected);
    this.#pauseMs = this.#paceMs;
    if (!this.#isFailing) return;
    log.info({ dropped: this.#lost }, 'spans are exported again');
    this.#isFailing = false;
    this.#lost = 0;
  }

  #failed(batch: readonly T[], { why, isLasting }: SendResult & { kind: 'failed' }): void {
    const fate = isLasting ? 'they are dropped' : 'they are dropped when the queue is full';
    // `close` tells itself what did not go out in time.
    if (!this.#isFailing && !this.#stop.signal.aborted) {
      this.#isFailing = true;
      this.#context.log.warn({ why }, `spans cannot be exported; ${fate}`);
    }
    this.#pauseMs = Math.min(2 * this.#pauseMs, PAUSE_MOST_MS);
    if (!isLasting && this.#spans.length + batch.length <= SPANS_MOST) this.#spans.unshift(...batch);
    else this.#drop('export_failed', batch.length);
  }

  #drop(reason: DropReason, count: number): void {
    this.#context.counts.dropped(reason, count);
    if (this.#isFailing) this.#lost += count;
  }
}
