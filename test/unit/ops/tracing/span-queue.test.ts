import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { type SendResult, SPANS_MOST, SpanQueue } from '../../../../src/ops/tracing/span-queue.ts';

const TAKEN: SendResult = { kind: 'taken', rejected: 0 };
const DOWN: SendResult = { kind: 'failed', why: 'connect ECONNREFUSED', isLasting: false };
const REFUSED: SendResult = { kind: 'failed', why: 'the collector answered 401', isLasting: true };
const PACE_MS = 1_000;

/** A queue of numbers in virtual time, and what became of them. */
function startQueue(t: TestContext, answer: () => SendResult | Promise<SendResult>) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const sent: number[][] = [];
  const lines: string[] = [];
  const counts: Record<string, number> = { exported: 0 };
  const write = (level: string) => (fields: object, message: string) =>
    void lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const addTo = (what: string, count: number) => {
    counts[what] = (counts[what] ?? 0) + count;
  };
  const queue = new SpanQueue<number>({
    async send(spans, signal) {
      sent.push([...spans]);
      const stopped = new Promise<SendResult>((resolve) =>
        signal.addEventListener('abort', () => resolve({ kind: 'failed', why: 'stopped', isLasting: false })),
      );
      return await Promise.race([answer(), stopped]);
    },
    counts: {
      exported: (count) => addTo('exported', count),
      dropped: addTo,
    },
    log: { warn: write('warn'), info: write('info') } as never,
  });
  const pass = async (ms: number) => {
    t.mock.timers.tick(ms);
    await setImmediate();
  };
  const add = (count: number, isSampled = false) => {
    const isTaken = queue.hasRoom(count, isSampled);
    if (isTaken) queue.add(new Array<number>(count).fill(0));
    return isTaken;
  };
  return { queue, sent, lines, counts, pass, add, sizes: () => sent.map(({ length }) => length) };
}

test('spans are sent together, once a second, and nothing while there are none', async (t) => {
  const { queue, sent, counts, pass } = startQueue(t, () => TAKEN);
  await pass(10 * PACE_MS);
  assert.deepEqual(sent, []);
  queue.add([1, 2]);
  queue.add([3]);
  await pass(PACE_MS - 1);
  assert.deepEqual(sent, []);
  await pass(1);
  assert.deepEqual(sent, [[1, 2, 3]]);
  assert.deepEqual(counts, { exported: 3 });
});

test('a request of which nobody asked in particular leaves a quarter of the queue to the others', async (t) => {
  const { counts, add, pass, sizes } = startQueue(t, () => TAKEN);
  while (add(4, true));
  assert.ok(add(1));
  while (add(4));
  await pass(PACE_MS);
  const total = sizes().reduce((sum, size) => sum + size, 0);
  assert.ok(total > SPANS_MOST - 4 && total <= SPANS_MOST, `${total}`);
  assert.deepEqual(counts, { exported: total, queue_full: 8 });
});

test('what a collector that is down has missed is sent again when it is back, in order', async (t) => {
  let answer: SendResult = DOWN;
  const { queue, sent, lines, counts, pass } = startQueue(t, () => answer);
  queue.add([1, 2]);
  await pass(PACE_MS);
  queue.add([3]);
  answer = TAKEN;
  await pass(2 * PACE_MS);
  assert.deepEqual(sent, [
    [1, 2],
    [1, 2, 3],
  ]);
  assert.deepEqual(counts, { exported: 3 });
  assert.deepEqual(lines, [
    'warn spans cannot be exported; they are dropped when the queue is full {"why":"connect ECONNREFUSED"}',
    'info spans are exported again {"dropped":0}',
  ]);
});

test('while it is down it is asked less and less often, there is one line, and the oldest spans make room', async (t) => {
  let answer: SendResult = DOWN;
  const { queue, sent, lines, counts, pass, add } = startQueue(t, () => {
    // It fills up while it is being sent.
    while (add(64));
    return answer;
  });
  queue.add([1]);
  const asked: number[] = [];
  for (let second = 1; second <= 121; second++) {
    const before = sent.length;
    await pass(PACE_MS);
    if (sent.length > before) asked.push(second);
  }
  assert.deepEqual(asked, [1, 3, 7, 15, 31, 61, 91, 121]);
  assert.equal(lines.length, 1);
  assert.ok((counts['export_failed'] ?? 0) > 128);
  assert.ok(!sent.at(-1)?.includes(1));
  answer = TAKEN;
  await pass(30 * PACE_MS);
  const lost = (counts['export_failed'] ?? 0) + (counts['queue_full'] ?? 0);
  const [, line = ''] = lines;
  assert.match(line, /^info spans are exported again/);
  assert.ok(Number(/\d+/.exec(line)?.[0]) <= lost);
});

test('spans that would be refused again are not sent again', async (t) => {
  const { queue, sent, lines, counts, pass } = startQueue(t, () => REFUSED);
  queue.add([1]);
  await pass(PACE_MS);
  queue.add([2]);
  await pass(PACE_MS);
  await pass(PACE_MS);
  assert.match(lines.join(), /^warn spans cannot be exported; they are dropped \{/);
  assert.deepEqual(sent, [[1], [2]]);
  assert.deepEqual(counts, { exported: 0, export_failed: 2 });
});

test('those that the collector takes and those that it refuses are counted apart', async (t) => {
  const { queue, counts, pass } = startQueue(t, () => ({ kind: 'taken', rejected: 1 }));
  queue.add([1, 2, 3]);
  await pass(PACE_MS);
  assert.deepEqual(counts, { exported: 2, rejected: 1 });
});

test('closing sends what waits, without a pause', async (t) => {
  const { queue, sizes, counts, add } = startQueue(t, () => TAKEN);
  queue.add(new Array<number>(300).fill(0));
  await queue.close(1);
  assert.deepEqual(sizes(), [128, 128, 44]);
  assert.deepEqual(counts, { exported: 300 });
  assert.equal(add(1), false);
});

test('closing takes no longer than it may, and what is left counts as dropped', async (t) => {
  const { queue, counts, lines, pass } = startQueue(t, () => new Promise(() => undefined));
  queue.add(new Array<number>(700).fill(0));
  await pass(PACE_MS);
  const closed = queue.close(250);
  let isClosed = false;
  void closed.then(() => {
    isClosed = true;
  });
  await pass(249);
  assert.equal(isClosed, false);
  await pass(1);
  await closed;
  assert.deepEqual(counts, { exported: 0, export_failed: 700 });
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /^warn spans dropped: they could not be sent in time \{"dropped":700\}/);
});

test('with no time left nothing is sent any more', async (t) => {
  const { queue, sent, counts } = startQueue(t, () => TAKEN);
  queue.add([1]);
  await queue.close(0);
  assert.deepEqual(sent, []);
  assert.deepEqual(counts, { exported: 0, export_failed: 1 });
});
