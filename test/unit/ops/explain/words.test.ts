import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  breakdown,
  clock,
  length,
  listed,
  nameOf,
  percent,
  sentence,
  since,
} from '../../../../src/ops/explain/words.ts';

const NOW = new Date('2026-11-27T12:10:00Z');

test('lengths of time are written in two units at most', () => {
  const written = [
    0.04, 9.94, 12.3, 999, 999.6, 2_500, 10_400, 59_900, 60_000, 185_000, 7_500_000, 273_600_000,
  ].map(length);
  assert.deepEqual(written, [
    ...['0 ms', '9.9 ms', '12 ms', '999 ms', '1 s', '2.5 s', '10 s', '1 min', '1 min', '3 min 5 s'],
    ...['2 h 5 min', '3 d 4 h'],
  ]);
});

test('a time of another day has its date', () => {
  assert.equal(clock(new Date('2026-11-27T01:02:03Z'), NOW), '01:02:03 UTC');
  assert.equal(since(86_400_000, NOW), 'since 2026-11-26 12:10:00 UTC (1 d)');
});

test('some is never written as none, and not all never as all', () => {
  assert.deepEqual([0, 0.0001, 0.004, 0.01, 0.5, 0.999, 1].map(percent), [
    ...['0%', '0.1%', '0.4%', '1%', '50%', '99%', '100%'],
  ]);
});

test('lists, counts, names and sentences', () => {
  assert.equal(listed(['a', 'b', 'c']), 'a, b and c');
  assert.equal(listed(['a', 'b', 'c', 'd'], 2), 'a, b and 2 more');
  assert.equal(breakdown({ lost: 1, ok: 0, timeout: 2_000 }), '2,000 timeout, 1 lost');
  assert.equal(nameOf({ address: 'tcp://1.2.3.4:5', pod: null }), 'tcp://1.2.3.4:5');
  assert.equal(sentence('it is so'), 'It is so.');
  assert.equal(sentence('tcp://1.2.3.4:5 is up'), 'tcp://1.2.3.4:5 is up.');
});
