import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summary, tableOf } from './goal.ts';

/** Each row of the table, without its first cell. */
function verdicts(...goals: Parameters<typeof tableOf>[0]): string[][] {
  const [, , ...rows] = tableOf(goals).trimEnd().split('\n');
  return rows.map((row) => row.split(' | ').slice(1, 4));
}

test('a goal is met at its bound and missed beyond it', () => {
  assert.deepEqual(
    verdicts(
      { what: 'rate', figure: 0.75, least: { transport: 0.75, core: 1 } },
      { what: 'time', figure: 1.25, most: { transport: 1.3, core: 1.2 } },
    ),
    [
      ['0.75', '>= 0.75, met', '>= 1, **missed**'],
      ['1.25', '<= 1.3, met', '<= 1.2, **missed**'],
    ],
  );
});

test('without a figure there is no verdict, and the summary says so', () => {
  const goals = [
    { what: 'rate', figure: undefined, least: { transport: 1 } },
    { what: 'time', figure: 2, most: { transport: 1, core: 3 } },
  ];
  assert.deepEqual(verdicts(...goals)[0], ['not measured', '>= 1', '']);
  assert.equal(summary(goals), '1 met, 1 missed, 1 not measured');
});
