import { setTimeout } from 'node:timers/promises';
import { App } from './ask.ts';
import { makePayload } from './payload.ts';
import { monotonicMs } from './stall-recorder.ts';

/** One request of a steady load, and its result. */
export interface Sample {
  /** By `monotonicMs`. */
  sentMs: number;
  /** Counted from when it was due, so that a load that falls behind does not look faster. */
  tookMs: number;
  /** The code of a failure reply. */
  failure: string | undefined;
  isCrossed: boolean;
}

/**
 * Asks so many times a second, from as many apps as it takes to keep that up, but for a machine that is too slow for it.
 */
export class SteadyLoad {
  readonly samples: Sample[] = [];
  readonly #apps: App[] = [];
  readonly #open: () => App;
  readonly #mostAtOnce: number;
  readonly #asking = new Set<Promise<void>>();
  #free: { app: App; id: number }[] = [];
  #isOver = false;
  readonly #running: Promise<void>;

  constructor(address: string, perSecond: number, open = () => new App(address), mostAtOnce = 64) {
    this.#open = open;
    this.#mostAtOnce = mostAtOnce;
    this.#running = this.#run(1_000 / perSecond);
  }

  get failures(): Sample[] {
    return this.samples.filter(({ failure }) => failure !== undefined);
  }

  get crossed(): number {
    return this.samples.filter(({ isCrossed }) => isCrossed).length;
  }

  /** Sends no more, and waits for requests in flight. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
    await Promise.all(this.#asking);
    for (const app of this.#apps) app.close();
  }

  /** Ends it where a test has failed: what is in flight gets no answer any more. */
  abandon(): void {
    this.#isOver = true;
    for (const app of this.#apps) app.close();
  }

  async #run(everyMs: number): Promise<void> {
    const sinceMs = monotonicMs();
    for (let sent = 0; !this.#isOver; ) {
      const dueMs = sinceMs + sent * everyMs;
      const leftMs = dueMs - monotonicMs();
      if (leftMs <= 0 && this.#asking.size < this.#mostAtOnce) this.#ask(dueMs, sent++);
      else await setTimeout(Math.max(1, leftMs));
    }
  }

  #ask(dueMs: number, number: number): void {
    const asker = this.#free.pop() ?? this.#newApp();
    const asking = this.#askOn(asker, dueMs, number).finally(() => this.#asking.delete(asking));
    asking.catch(() => undefined);
    this.#asking.add(asking);
  }

  async #askOn(asker: { app: App; id: number }, dueMs: number, number: number): Promise<void> {
    const body = makePayload(asker.id, number);
    const { text, failure } = await asker.app.ask(body);
    this.#free.push(asker);
    this.samples.push({
      sentMs: dueMs,
      tookMs: monotonicMs() - dueMs,
      failure: failure?.code,
      isCrossed: failure === undefined && text !== body,
    });
  }

  #newApp(): { app: App; id: number } {
    const app = this.#open();
    this.#apps.push(app);
    return { app, id: this.#apps.length };
  }
}
