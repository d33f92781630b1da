import { Writable } from 'node:stream';

export interface Part {
  text: string;
  /** As in `ESC [ 31 m`; `undefined` is the terminal's own. */
  color: number | undefined;
}

export interface Frame {
  atMs: number;
  lines: readonly (readonly Part[])[];
}

const ESCAPE = '\u001b[';

/** A terminal that keeps what it showed and when. It knows no more than the demo needs. */
export class Recorder extends Writable {
  readonly isTTY = true;
  readonly columns = 80;
  readonly rows = 24;
  readonly frames: Frame[] = [];
  readonly #startedMs = performance.now();
  readonly #lines: Part[][];
  #row: number;
  #color: number | undefined;

  /** @param before what stands there already */
  constructor(...before: string[]) {
    super({ decodeStrings: false });
    this.#lines = before.map((text) => [{ text, color: undefined }]);
    this.#row = before.length;
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    const [before = '', ...rest] = chunk.split(ESCAPE);
    this.#write(before);
    for (const part of rest) {
      const [code = '', count, what = ''] = /^(\d*)([A-Za-z])/.exec(part) ?? [];
      this.#obey(what, Number(count));
      this.#write(part.slice(code.length));
    }
    const atMs = performance.now() - this.#startedMs;
    this.frames.push({ atMs, lines: this.#lines.map((line) => [...line]) });
    done();
  }

  #obey(what: string, count: number): void {
    if (what === 'F') this.#row -= count;
    else if (what === 'K') this.#lines[this.#row] = [];
    else if (what === 'J') this.#lines.length = Math.min(this.#lines.length, this.#row);
    else if (what === 'm') this.#color = count === 0 ? undefined : count;
    else throw new Error(`an escape that is not known here: ${what}`);
  }

  #write(written: string): void {
    written.split('\n').forEach((text, index) => {
      if (index > 0) this.#row++;
      if (text === '') return;
      while (this.#lines.length <= this.#row) this.#lines.push([]);
      this.#lines[this.#row]?.push({ text, color: this.#color });
    });
  }
}
