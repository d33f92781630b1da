import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { BoundedLines } from '../../../../src/ops/tap/bounded-lines.ts';
import { until } from '../../../support/until.ts';

type Line = Record<string, unknown>;

/** A reader that a test can stop and let go on. */
function reader() {
  let text = '';
  let isStopped = false;
  let goOn: (() => void) | undefined;
  const out = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      text += chunk;
      if (isStopped) goOn = done;
      else setImmediate(done);
    },
  });
  return {
    out,
    lines: () =>
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Line),
    stop() {
      isStopped = true;
    },
    resume() {
      isStopped = false;
      goOn?.();
    },
  };
}

const PAD = 'x'.repeat(200);
const KEPT = 1024 * 1024;

/** Puts numbered lines. Returns how many of them were made. */
function putAll(lines: BoundedLines, count: number, from = 0): number {
  let made = 0;
  for (let n = from; n < from + count; n++)
    lines.put(() => {
      made++;
      return { n, pad: PAD };
    });
  return made;
}

/** Checks that each line has come or is counted as lost in its place. Returns how many are lost. */
function lostOf(lines: readonly Line[], put: number): number {
  let next = 0;
  let lost = 0;
  for (const line of lines) {
    if (line['kind'] === 'lost') {
      next += Number(line['lines']);
      lost += Number(line['lines']);
    } else assert.equal(line['n'], next++);
  }
  assert.equal(next, put);
  return lost;
}

test('a reader that keeps up gets every line', async () => {
  const { out, lines } = reader();
  const bounded = new BoundedLines(out);
  for (let round = 0; round < 10; round++) {
    putAll(bounded, 1_000, round * 1_000);
    await until('they have come', () => lines().length === (round + 1) * 1_000);
  }
  bounded.end();
  assert.equal(lostOf(lines(), 10_000), 0);
});

test('for a reader that never reads, memory is bounded, and what has no room is not even made', async () => {
  const { out, stop } = reader();
  stop();
  const bounded = new BoundedLines(out);
  let made = 0;
  for (let round = 0; round < 30; round++) {
    made += putAll(bounded, 10_000, round * 10_000);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  bounded.end();
  assert.ok(out.writableLength <= KEPT + 1_000, `${out.writableLength} characters are kept`);
  assert.ok(made * PAD.length <= KEPT + 1_000, `${made} lines were made`);
});

test('a reader that goes on is told in place how many lines it has missed', async () => {
  const { out, lines, stop, resume } = reader();
  const bounded = new BoundedLines(out);
  stop();
  putAll(bounded, 50_000);
  await until('it waits for its reader', () => out.writableNeedDrain);
  putAll(bounded, 50_000, 50_000);
  resume();
  await until('it is told', () => lines().some(({ kind }) => kind === 'lost'));
  putAll(bounded, 10, 100_000);
  bounded.end();
  await until('the last has come', () => lines().at(-1)?.['n'] === 100_009);
  assert.ok(lostOf(lines(), 100_010) > 0);
});

test('lines that are lost in one moment are told even if nothing follows and the reader is quick', async () => {
  const { out, lines } = reader();
  const bounded = new BoundedLines(out);
  putAll(bounded, 20_000);
  await until('it is told', () => lines().some(({ kind }) => kind === 'lost'));
  assert.ok(lostOf(lines(), 20_000) > 0);
  bounded.end();
});

test('at its end, what is left is written and what was lost is told', async () => {
  const { out, lines, stop, resume } = reader();
  const bounded = new BoundedLines(out);
  stop();
  putAll(bounded, 20_000);
  bounded.end();
  out.end();
  resume();
  await until('all has come', () => out.writableFinished);
  assert.ok(lostOf(lines(), 20_000) > 0);
});
