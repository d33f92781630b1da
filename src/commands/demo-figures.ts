/** What an app got for its request: its own reply, a failure reply, or the reply to another request. */
export type Answer = 'own' | 'failed' | 'crossed';

export interface Kill {
  atMs: number;
  /** Counted from 1. */
  upstream: number;
  pid: number | undefined;
  /** Requests that were in flight when the upstream was killed. */
  inFlight: number;
  /** The slowest of them that has been answered so far. */
  slowestMs: number;
}

const BUCKET_MS = 0.1;
const BUCKETS = 100_000;

/** Counts what the demo's apps see. */
export class DemoFigures {
  readonly startedMs = performance.now();
  readonly kills: Kill[] = [];
  asked = 0;
  answered = 0;
  failed = 0;
  crossed = 0;
  slowestMs = 0;
  /** How many replies took how long: of a day of requests each by itself would be too many to keep. */
  readonly #buckets = new Uint32Array(BUCKETS);

  get inFlight(): number {
    return this.asked - this.answered - this.failed - this.crossed;
  }

  /** Requests that did not get their own reply. */
  get lost(): number {
    return this.asked - this.answered - this.crossed;
  }

  settled(sentMs: number, nowMs: number, answer: Answer): void {
    if (answer === 'own') this.answered++;
    else if (answer === 'failed') this.failed++;
    else this.crossed++;
    const tookMs = nowMs - sentMs;
    const bucket = Math.min(BUCKETS - 1, Math.floor(tookMs / BUCKET_MS));
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.slowestMs = Math.max(this.slowestMs, tookMs);
    for (let index = this.kills.length - 1; index >= 0; index--) {
      const kill = this.kills[index];
      if (kill === undefined || kill.atMs < sentMs) break;
      kill.slowestMs = Math.max(kill.slowestMs, tookMs);
    }
  }

  killed(upstream: number, pid: number | undefined): void {
    this.kills.push({ atMs: performance.now(), upstream, pid, inFlight: this.inFlight, slowestMs: 0 });
  }

  /** The time within which a share of the replies came, as far as a tenth of a millisecond tells. */
  quantileMs(share: number): number {
    let rest = Math.floor((this.answered + this.failed + this.crossed) * share);
    const bucket = this.#buckets.findIndex((count) => {
      rest -= count;
      return rest < 0;
    });
    return bucket < 0 ? this.slowestMs : Math.min(this.slowestMs, (bucket + 1) * BUCKET_MS);
  }
}
