import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PendingRequest } from '../../../../src/proxy/upstream/pending-request.ts';
import { WaitingLine } from '../../../../src/proxy/upstream/waiting-line.ts';

/** A request that was sent so often. */
function request(number: number, sent = 0): PendingRequest {
  const outside = { line: undefined, ahead: undefined, behind: undefined };
  return { number, attempts: new Array(sent).fill({}), ...outside } as unknown as PendingRequest;
}

const numbersOf = (requests: readonly PendingRequest[]) => requests.map(({ number }) => number);

/** A line of these requests. */
function lineOf(...requests: PendingRequest[]): WaitingLine {
  const line = new WaitingLine();
  for (const one of requests) line.join(one);
  return line;
}

test('requests stand in the order in which they joined', () => {
  const line = lineOf(request(1), request(2), request(3));
  assert.deepEqual(numbersOf(line.all), [1, 2, 3]);
  assert.deepEqual([line.first?.number, line.last?.number, line.firstRetry], [1, 3, undefined]);
});

test('retries stand before requests that were never sent, in the order in which they joined', () => {
  const line = lineOf(request(1), request(2, 1), request(3), request(4, 2));
  assert.deepEqual(numbersOf(line.all), [2, 4, 1, 3]);
  assert.deepEqual([line.firstRetry?.number, line.first?.number, line.last?.number], [2, 1, 3]);
});

test('a request may leave from anywhere, and join again at the end', () => {
  const [first, middle, last] = [request(1), request(2), request(3)];
  const line = lineOf(first, middle, last);
  middle.line?.leave(middle);
  assert.deepEqual(numbersOf(line.all), [1, 3]);
  assert.equal(middle.line, undefined);
  first.line?.leave(first);
  assert.deepEqual([line.first, line.last], [last, last]);
  line.join(first);
  assert.deepEqual(numbersOf(line.all), [3, 1]);
  first.line?.leave(first);
  last.line?.leave(last);
  assert.ok(line.isEmpty);
  assert.deepEqual([line.first, line.last], [undefined, undefined]);
});

test('a request that joins twice stands there once', () => {
  const one = request(1);
  const line = lineOf(one, one);
  assert.deepEqual(numbersOf(line.all), [1]);
  one.line?.leave(one);
  assert.ok(line.isEmpty);
});

test('a request that was sent while it stood in line leaves the place that it had', () => {
  const [first, last] = [request(1), request(2)];
  const line = lineOf(first, last);
  Object.assign(first, { attempts: [{}] });
  first.line?.leave(first);
  assert.deepEqual([line.firstRetry, line.first, line.last], [undefined, last, last]);
});

test('a request that stands in one line does not join another', () => {
  const one = request(1);
  const [line, other] = [lineOf(one), new WaitingLine()];
  other.join(one);
  assert.ok(other.isEmpty);
  assert.deepEqual(numbersOf(line.all), [1]);
});

test('all that are cleared out are outside any line, and may join another', () => {
  const [first, retry] = [request(1), request(2, 1)];
  const line = lineOf(first, retry);
  assert.deepEqual(numbersOf(line.clear()), [2, 1]);
  assert.ok(line.isEmpty);
  for (const { line: where, ahead, behind } of [first, retry])
    assert.deepEqual([where, ahead, behind], [undefined, undefined, undefined]);
  assert.deepEqual(numbersOf(lineOf(first, retry).all), [2, 1]);
});

test('a line is the same as two arrays, whoever joins and leaves', () => {
  const step = fc.record({ what: fc.constantFrom('join', 'leave', 'clear'), who: fc.nat(9) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const requests = Array.from({ length: 10 }, (_, number) => request(number, number % 2));
      const line = new WaitingLine();
      let expected: PendingRequest[] = [];
      for (const [index, { what, who }] of steps.entries()) {
        const one = requests[who];
        assert.ok(one);
        if (what === 'join') {
          line.join(one);
          if (!expected.includes(one)) expected.push(one);
        } else if (what === 'leave') {
          one.line?.leave(one);
          expected = expected.filter((other) => other !== one);
        } else if (index % 5 === 0) {
          line.clear();
          expected = [];
        }
        const isRetry = ({ attempts }: PendingRequest) => attempts.length > 0;
        const retries = expected.filter(isRetry);
        const firsts = expected.filter((other) => !isRetry(other));
        assert.deepEqual(numbersOf(line.all), numbersOf([...retries, ...firsts]));
        assert.equal(line.firstRetry, retries[0]);
        assert.deepEqual([line.first, line.last], [firsts[0], firsts.at(-1)]);
        assert.equal(line.isEmpty, expected.length === 0);
        for (const other of requests) assert.equal(other.line !== undefined, expected.includes(other));
      }
    }),
  );
});
