import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatSize, parseDuration, parseSize } from '../../../../src/config/values/units.ts';
import { formatDuration } from '../../../../src/duration.ts';

test('durations are read with a unit, or as a number of ms', () => {
  const rows = [
    ['250ms', 250],
    ['2.5s', 2_500],
    ['1m', 60_000],
    ['1h', 3_600_000],
    ['0', 0],
    ['1500', 1_500],
    [1_500, 1_500],
    [0.5, 0.5],
    [3000.2999999999997, 3000.2999999999997],
    ['1.001s', 1_001],
    ['1.001', 1.001],
  ] as const;
  for (const [input, ms] of rows) assert.equal(parseDuration(input), ms, String(input));
});

test('sizes are read with a unit, or as a number of bytes', () => {
  const rows = [
    ['64KiB', 65_536],
    ['16MiB', 16_777_216],
    ['1GiB', 1_073_741_824],
    ['10B', 10],
    ['0.5KiB', 512],
    [7, 7],
  ] as const;
  for (const [input, bytes] of rows) assert.equal(parseSize(input), bytes, String(input));
});

test('anything else is refused with a message that shows the valid forms', () => {
  for (const input of [
    '',
    'soon',
    '5 days',
    '-1s',
    '1e3',
    'Infinity',
    '1.s',
    '.5s',
    '5MS',
    'constructor',
    '1__proto__',
  ]) {
    assert.throws(() => parseDuration(input), /is not a duration: write 250ms, 2\.5s, 1m/, input);
  }
  for (const input of ['', '64KB', '1.3', '-1', '64kib', 'toString', Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => parseSize(input), /is not a size: write 64KiB, 16MiB/, String(input));
  }
});

test('a formatted value reads back as itself', () => {
  fc.assert(
    fc.property(fc.nat(86_400_000), (value) => {
      assert.equal(parseDuration(formatDuration(value)), value);
      assert.equal(parseSize(formatSize(value)), value);
    }),
  );
});

test('no text is read as a number that is negative or not finite', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const parse of [parseDuration, parseSize]) {
        try {
          const value = parse(text);
          assert.ok(Number.isFinite(value) && value >= 0);
        } catch (error) {
          assert.match(String(error), /is not a (duration|size)/);
        }
      }
    }),
  );
});
