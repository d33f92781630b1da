import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type Answer, App } from '../support/ask.ts';
import type { Exposition } from '../support/exposition.ts';
import { makePayload } from '../support/payload.ts';
import { monotonicMs } from '../support/stall-recorder.ts';
import { stalledMs } from '../support/stalls.ts';
import { until } from '../support/until.ts';
import type { UpstreamProcess } from '../support/upstream-process.ts';
import { baseline, checkLog, settled, type Trial } from './fault.ts';

/** How long after its deadline an outcome may come. */
const GRACE_MS = 100;
/** How soon after a fault a good client must be served. */
const RECOVERY_MS = 1_000;
/** Bodies longer than this are not kept, so their executions are only counted together. */
const KEPT_BYTES = 256;

/** The policy of the route under test, from `/status`. */
interface Policy {
  retry: { attempts: number; deadlineMs: number };
  budget: { ratio: number; minPerSecond: number };
}

type Executed = number | readonly string[];

export interface Closing {
  /** What the upstreams executed: a count, or the first frame of each. A function is called when the sidecar is idle. */
  executed?: Executed | (() => Promise<Executed>);
  /** At most this many requests came from others and are not in the books. */
  strangers?: number;
}

/**
 * The books of a trial: the requests and outcomes of its apps. They must agree with the sidecar's counts and with the promises.
 * Get apps from here, or use `ask`; `balance` closes the books.
 */
export class Books {
  asked = 0;
  own = 0;
  failed = 0;
  crossed = 0;
  slowestMs = 0;
  /** How the sidecar has ended, if it has. */
  ended: string | undefined;
  readonly #trial: Trial;
  readonly #policy: Policy;
  readonly #apps = new Set<App>();
  /** How often each body was sent. */
  readonly #bodies = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  #bytes = 0;
  /** Outcomes that came later than promised. They are allowed only if a process was stalled meanwhile. */
  readonly #late: { sentMs: number; gotMs: number }[] = [];
  #restDescriptors = 0;
  readonly #openedMs = performance.now();

  private constructor(trial: Trial, policy: Policy) {
    this.#trial = trial;
    this.#policy = policy;
    // Nobody would answer the apps any more.
    trial.program.ended.then(({ code, signal }) => {
      this.ended = `the sidecar has ended with ${code ?? signal}: ${trial.program.stderr.join('\n')}`;
      this.#closeApps();
    });
  }

  /** @param warmUps requests sent at once before the sidecar becomes idle and the baseline is taken */
  static async open(t: TestContext, trial: Trial, warmUps = 1): Promise<Books> {
    const { routes } = await trial.status();
    const books = new Books(trial, routes[0]?.policy as Policy);
    t.after(() => books.#closeApps());
    await until('requests before the fault are answered', async () => {
      const answers = await Promise.all(Array.from({ length: warmUps }, () => books.ask()));
      return answers.every(({ failure }) => failure === undefined);
    });
    books.#restDescriptors = await baseline(trial);
    return books;
  }

  /** An app whose requests are all in the books. */
  app(): App {
    const app = new BookedApp(this.#trial.address, this);
    this.#apps.add(app);
    return app;
  }

  /** Sends one request from a new app. Without a body, a unique one is made. */
  async ask(...body: (string | Buffer)[]): Promise<Answer> {
    const app = this.app();
    try {
      return await app.ask(...(body.length > 0 ? body : [makePayload(0, this.asked)]));
    } finally {
      this.#apps.delete(app);
      app.close();
    }
  }

  /** Runs apps that each send one unique request after the other while `isOn`. */
  async askOn(apps: number, isOn: () => boolean): Promise<void> {
    const run = async (_: unknown, client: number) => {
      const app = this.app();
      while (isOn()) await app.ask(makePayload(client, this.asked));
      this.#apps.delete(app);
      app.close();
    };
    await Promise.all(Array.from({ length: apps }, run));
  }

  /** Runs apps until the condition holds. It waits as long as `until` does. */
  async askUntil(apps: number, what: string, isSo: () => boolean): Promise<void> {
    let isOver = false;
    const asking = this.askOn(apps, () => !isOver);
    await until(what, isSo).finally(() => {
      isOver = true;
    });
    await asking;
  }

  /** Promise 8, after the fault: how long a good client had to wait. It sends again if the deadline is shorter. */
  async recovered(): Promise<number> {
    const sinceMs = monotonicMs();
    await until(
      'a good client is served after the fault',
      async () => (await this.ask()).failure === undefined,
    );
    return this.backWithin(RECOVERY_MS, sinceMs);
  }

  /** Checks that something that has just happened came in time, apart from stalls of a process. Returns how long it took. */
  async backWithin(mostMs: number, sinceMs: number): Promise<number> {
    const nowMs = monotonicMs();
    // A process that stalled has recorded it before it answers.
    await this.#trial.status();
    const stalled = stalledMs(sinceMs, nowMs);
    const tookMs = nowMs - sinceMs;
    assert.ok(
      tookMs - stalled <= mostMs,
      `8: only ${tookMs} ms after the fault, of which ${stalled} ms stalled`,
    );
    return tookMs;
  }

  /** Promise 2: at any moment, every request received is settled, in flight or queued. */
  async look(strangers = 0): Promise<void> {
    const answered = this.own + this.failed + this.crossed;
    const metrics = await this.#trial.metrics();
    const known = metrics.total('lazypirate_requests_received_total');
    assert.equal(metrics.unaccounted, 0, '2: received, and neither settled nor in flight nor queued');
    assert.ok(known >= answered, `it knows of ${known} requests, and ${answered} are answered`);
    const most = this.asked + strangers;
    assert.ok(known <= most, `it knows of ${known} requests, and ${most} were asked`);
  }

  /** Closes the apps, waits until the sidecar is idle, and checks the promises. Returns the figures for the table. */
  async balance({ executed, strangers = 0 }: Closing = {}): Promise<string> {
    this.#closeApps();
    let descriptors = await settled(this.#trial, this.#restDescriptors);
    await this.look(strangers);
    assert.equal(this.crossed, 0, '1: no cross-talk');
    const executions = typeof executed === 'function' ? await executed() : executed;
    // A request of a stranger may come later than all others. If it is among the executions, its attempt is counted by now.
    if (strangers > 0) descriptors = await settled(this.#trial, this.#restDescriptors);
    const metrics = await this.#trial.metrics();
    this.#checkOutcomes(metrics, strangers);
    const attempts = await this.#checkAttempts(metrics);
    if (executions !== undefined) this.#checkExecutions(executions, attempts);
    return [
      `${this.asked} requests, ${this.own} replied, ${this.failed} failed${this.codes && ` (${this.codes})`}, 0 crossed`,
      `${attempts} attempts${executions === undefined ? '' : `, ${count(executions)} executions`}`,
      this.#checkTimes(),
      descriptors,
    ].join('; ');
  }

  /**
   * Closes the books of a sidecar that has ended, using what its apps, its upstreams and its log say.
   *
   * @param cut how many requests have no outcome
   * @param lastWords the lines that it may write to standard error
   */
  balanceOfEnded(executed: Executed, cut = 0, lastWords: readonly string[] = []): string {
    this.#closeApps();
    checkLog(this.#trial.program, lastWords);
    assert.equal(this.crossed, 0, '1: no cross-talk');
    assert.equal(this.own + this.failed + cut, this.asked, '2: one outcome for each request');
    const { retry, budget } = this.#policy;
    const seconds = (performance.now() - this.#openedMs) / 1_000;
    const allowed = this.asked * (1 + budget.ratio) + budget.minPerSecond * (seconds + 1);
    this.#checkExecutions(executed, Math.min(allowed, retry.attempts * this.asked));
    return [
      `${this.asked} requests, ${this.own} replied, ${this.failed} failed, 0 crossed`,
      `${count(executed)} executions`,
      this.#checkTimes(),
    ].join('; ');
  }

  /** Failures by code. */
  get codes(): string {
    return [...this.#failures].map(([code, count]) => `${count} ${code}`).join(', ');
  }

  /** Called by the apps when they send a request. */
  sent(body: readonly (string | Buffer)[]): void {
    this.asked++;
    this.#bytes += body.reduce((bytes, frame) => bytes + Buffer.byteLength(frame), 0);
    const text = keyOf(body);
    if (text !== undefined) this.#bodies.set(text, (this.#bodies.get(text) ?? 0) + 1);
  }

  /** Called by the apps with the outcome. */
  got(body: readonly (string | Buffer)[], { frames, failure, ms }: Answer): void {
    this.slowestMs = Math.max(this.slowestMs, ms);
    const gotMs = monotonicMs();
    if (ms > this.#mostMs) this.#late.push({ sentMs: gotMs - ms, gotMs });
    if (failure !== undefined) {
      this.failed++;
      this.#failures.set(failure.code, (this.#failures.get(failure.code) ?? 0) + 1);
    } else if (frames.length === body.length && body.every((one, i) => frames[i]?.equals(Buffer.from(one)))) {
      this.own++;
    } else this.crossed++;
  }

  /** Promise 2. If an app left before its outcome came, it may be counted either way. */
  #checkOutcomes(metrics: Exposition, strangers: number): void {
    const settledAs = (labels?: RegExp) => metrics.total('lazypirate_requests_total', labels);
    const unseen = this.asked - this.own - this.failed + strangers;
    const between = (value: number, least: number, what: string) =>
      assert.ok(
        value >= least && value <= least + unseen,
        `2: ${value} ${what} counted, ${least} seen, ${unseen} unanswered or of others`,
      );
    assert.equal(metrics.unaccounted, 0, '2: received, and neither settled nor in flight nor queued');
    between(settledAs(), this.own + this.failed, 'outcomes');
    between(settledAs(/outcome="ok"/), this.own, 'replies');
    between(settledAs(/outcome="(?!ok|client_gone)/), this.failed, 'failures');
    const bytes = metrics.total('lazypirate_request_bytes_total');
    if (unseen === 0) assert.equal(bytes, this.#bytes, '2: bytes of the requests received');
    assert.equal(metrics.total('lazypirate_requests_total', /outcome="internal"/), 0, '7');
  }

  /** Promise 3. */
  async #checkAttempts(metrics: Exposition): Promise<number> {
    const { retry, budget } = this.#policy;
    const requests = metrics.total('lazypirate_requests_total');
    const attempts = metrics.total('lazypirate_attempts_total');
    const seconds = (await this.#trial.status()).uptimeMs / 1_000;
    const allowed = requests * (1 + budget.ratio) + budget.minPerSecond * (seconds + 1);
    assert.ok(attempts <= retry.attempts * requests, `3: ${attempts} attempts for ${requests} requests`);
    assert.ok(attempts <= allowed, `3: ${attempts} attempts, and the budget allows ${allowed}`);
    return attempts;
  }

  /** Promise 3, from what the upstreams executed. */
  #checkExecutions(executed: Executed, attempts: number): void {
    const executions = count(executed);
    assert.ok(executions <= attempts, `3: ${executions} executions, and ${attempts} attempts at most`);
    // Or whoever says so does not know.
    assert.ok(executions >= this.own, `${executions} executions, and ${this.own} replies`);
    if (typeof executed === 'number') return;
    for (const [body, times] of tally(executed)) {
      const mayRun = this.#policy.retry.attempts * (this.#bodies.get(body) ?? Number.POSITIVE_INFINITY);
      assert.ok(times <= mayRun, `3: ${JSON.stringify(body)} was executed ${times} times`);
    }
  }

  get #mostMs(): number {
    return this.#policy.retry.deadlineMs + GRACE_MS;
  }

  /** Promise 4, as the apps saw it, without stalls of the sidecar or of this process, which runs the apps. */
  #checkTimes(): string {
    const { deadlineMs } = this.#policy.retry;
    for (const { sentMs, gotMs } of this.#late) {
      const stalled = stalledMs(sentMs, gotMs, [this.#trial.program.pid]);
      const tookMs = gotMs - sentMs;
      const words = `4: an outcome after ${tookMs} ms, ${stalled} of them stalled, where the deadline is ${deadlineMs}`;
      assert.ok(tookMs - stalled <= this.#mostMs, words);
    }
    const excused = this.#late.length > 0 ? `, ${this.#late.length} later than it by a stall` : '';
    return `slowest ${this.slowestMs.toFixed(0)} ms (deadline ${deadlineMs}${excused})`;
  }

  #closeApps(): void {
    for (const app of this.#apps) app.close();
    this.#apps.clear();
  }
}

class BookedApp extends App {
  readonly #books: Books;

  constructor(address: string, books: Books) {
    super(address);
    this.#books = books;
  }

  override async ask(...body: (string | Buffer)[]): Promise<Answer> {
    this.#books.sent(body);
    const answer = await super.ask(...body).catch((error) => {
      throw this.#books.ended === undefined ? error : new Error(this.#books.ended);
    });
    this.#books.got(body, answer);
    return answer;
  }
}

/** The bodies that upstream processes have executed. */
export function bodiesOf(...upstreams: readonly UpstreamProcess[]): string[] {
  return upstreams.flatMap(({ executions }) => executions.map(({ body }) => body));
}

function count(executed: Executed): number {
  return typeof executed === 'number' ? executed : executed.length;
}

function tally(bodies: readonly string[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const body of bodies) times.set(body, (times.get(body) ?? 0) + 1);
  return times;
}

function keyOf([first]: readonly (string | Buffer)[]): string | undefined {
  return first !== undefined && first.length <= KEPT_BYTES ? String(first) : undefined;
}
