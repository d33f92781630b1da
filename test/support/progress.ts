/*
 * The reporter of `npm test`: what Node's own `spec` prints, and while the tests run a line that says how far they are. The last lines
 * say which tests were not run here and why, and how long it all took.
 */
import { Transform, type TransformCallback } from 'node:stream';
import { spec, type TestEvent } from 'node:test/reporters';

/** On a terminal the line is overwritten each time; in a pipe each one is a line of its own. */
const EVERY_MS = { terminal: 1_000, pipe: Number(process.env['LAZYPIRATE_PROGRESS_MS'] ?? 15_000) };
const ERASE = '\r\x1b[K';
const TEST_FILE = /\.test\.\w+$/;

export default class Progress extends Transform {
  readonly #spec = spec();
  readonly #isTerminal = process.stdout.isTTY === true;
  readonly #sinceMs = performance.now();
  readonly #timer: NodeJS.Timeout;
  readonly #files: ReadonlySet<string>;
  /** Since when each file runs that does. */
  readonly #running = new Map<string, number>();
  readonly #skipped = new Map<string, string[]>();
  readonly #counts = { files: 0, passed: 0, failed: 0 };
  #isShown = false;

  /** @param files the test files that run, as they are named to the runner */
  constructor(files: readonly string[]) {
    super({ writableObjectMode: true });
    this.#files = new Set(files);
    this.#spec.on('data', (text: Buffer | string) => this.#print(String(text)));
    const everyMs = this.#isTerminal ? EVERY_MS.terminal : EVERY_MS.pipe;
    this.#timer = setInterval(() => this.#show(), everyMs).unref();
  }

  override _transform(event: TestEvent, _encoding: string, done: TransformCallback): void {
    if (event.type === 'test:dequeue' && this.#files.has(event.data.name))
      this.#running.set(event.data.name, performance.now());
    if (event.type === 'test:complete') this.#complete(event.data);
    this.#spec.write(event, () => done());
  }

  override _flush(done: TransformCallback): void {
    clearInterval(this.#timer);
    this.#spec.once('end', () => {
      this.#print(this.#ending());
      done();
    });
    this.#spec.end();
  }

  /** This event comes as soon as a test is over. `spec` prints it only when all files before are over too. */
  #complete({
    name,
    entryFile,
    file,
    details,
    skip,
    todo,
  }: Extract<TestEvent, { type: 'test:complete' }>['data']): void {
    if (this.#running.delete(name)) {
      this.#counts.files++;
      return;
    }
    if (skip !== undefined && skip !== false) {
      const why = typeof skip === 'string' && skip !== '' ? skip : 'no reason given';
      this.#skipped.set(why, [...(this.#skipped.get(why) ?? []), name]);
    } else if (details.passed) this.#counts.passed += details.type === 'suite' ? 0 : 1;
    else if (todo === undefined || todo === false) {
      this.#counts.failed++;
      this.#print(
        `✖ failed just now: ${name} (${titleOf(isTestFile(file) ? file : (entryFile ?? ''))}); its error follows below\n`,
      );
    }
  }

  #show(): void {
    const { files, passed, failed } = this.#counts;
    const running = [...this.#running].map(([file, sinceMs]) => {
      return `${titleOf(file)} (${timeText(performance.now() - sinceMs)})`;
    });
    const line =
      `${timeText(performance.now() - this.#sinceMs)}: ${files} of ${this.#files.size} files done, ` +
      `${passed} tests passed, ${failed} failed; running: ${running.join(', ') || 'nothing'}`;
    if (!this.#isTerminal) return void this.push(`… ${line}\n`);
    this.push(`${ERASE}… ${line}`.slice(0, (process.stdout.columns || 80) + ERASE.length - 1));
    this.#isShown = true;
  }

  #print(text: string): void {
    this.push(this.#isShown ? `${ERASE}${text}` : text);
    this.#isShown = false;
  }

  #ending(): string {
    const skipped = [...this.#skipped].map(
      ([why, names]) => `  because ${why}: ${names.map((name) => `"${name}"`).join(', ')}\n`,
    );
    return [
      '\n',
      ...(skipped.length > 0 ? ['Not run on this machine:\n', ...skipped] : []),
      `${this.#counts.files} files with ${this.#counts.passed + this.#counts.failed} tests took ${timeText(performance.now() - this.#sinceMs)}.\n`,
    ].join('');
  }
}

/** `integration/drain` */
function titleOf(file: string): string {
  return file.replace(/^(.*\/)?test\//, '').replace(TEST_FILE, '');
}

/** Tests of a file may be made by another, as by support/pasted.ts. */
function isTestFile(file = ''): file is string {
  return TEST_FILE.test(file);
}

function timeText(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
