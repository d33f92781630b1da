import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nothing } from './tally.ts';
import { type Course, judge, type Policy, type Sample } from './verdict.ts';

const POLICY: Policy = {
  routes: 1,
  attempts: 3,
  deadlineMs: 2_000,
  budget: { ratio: 0.2, minPerSecond: 10 },
};

/** A run with a million requests, of which ten failed, and no growth. */
const GOOD: Course = {
  seconds: 100,
  samples: samples({}),
  tally: {
    ...nothing(),
    ...{ asked: 1_000_000, replied: 999_990, failed: 10, mostAttempts: 3 },
    slowest: { tookMs: 2_050, gotMs: 0, outcome: 'TIMEOUT', elapsedMs: 2_000, bytes: 64 },
  },
  counted: { replied: 999_990, failed: 10, attempts: 1_010_000, retries: 10_000, inFlight: 0 },
  watched: { settled: 1_000_000, lost: 0, spanBytes: 1_000_000, pages: 100, refused: 0 },
  descriptors: { before: 58, after: 60 },
  complaints: [],
};

/** 101 samples with a steep warm-up. `grows` says how much is added per 100,000 requests, from the start. */
function samples(grows: Partial<Sample>): Sample[] {
  return Array.from({ length: 101 }, (_, at) => {
    const noise = at % 2;
    const warmUp = Math.min(at, 10) * 5;
    return {
      requests: at * 10_000,
      rssMiB: 100 + warmUp + noise + (at / 10) * (grows.rssMiB ?? 0),
      heapMiB: 20 + noise * 5 + (at / 10) * (grows.heapMiB ?? 0),
      descriptors: 200 + noise + (at / 10) * (grows.descriptors ?? 0),
    };
  });
}

function broken(course: Course): string[] {
  return judge(course, POLICY)
    .filter(({ isHeld }) => !isHeld)
    .map(({ promise }) => promise);
}

test('a good run passes, in spite of warm-up and noise', () => {
  assert.deepEqual(broken(GOOD), []);
  assert.deepEqual(
    broken({ ...GOOD, samples: samples({ rssMiB: 0.9, heapMiB: 0.9, descriptors: 1.9 }) }),
    [],
  );
});

const { tally, counted } = GOOD;
const BAD: [promise: RegExp, Course][] = [
  [/another request/, { ...GOOD, tally: { ...tally, crossed: 1, replied: tally.replied - 1 } }],
  [/another request/, { ...GOOD, tally: { ...tally, broken: 1, replied: tally.replied - 1 } }],
  [/one outcome/, { ...GOOD, tally: { ...tally, asked: tally.asked + 1 } }],
  [/one outcome/, { ...GOOD, tally: { ...tally, uncalled: 1 } }],
  [/one outcome/, { ...GOOD, tally: { ...tally, asked: 0, replied: 0, failed: 0 } }],
  [/metrics/, { ...GOOD, counted: { ...counted, replied: 999_989 } }],
  [/metrics/, { ...GOOD, counted: { ...counted, failed: 11 } }],
  [/a tap, traces/, { ...GOOD, watched: { ...GOOD.watched, settled: 0 } }],
  [/a tap, traces/, { ...GOOD, watched: { ...GOOD.watched, spanBytes: 0 } }],
  [/a tap, traces/, { ...GOOD, watched: { ...GOOD.watched, refused: 1 } }],
  [/metrics/, { ...GOOD, counted: { ...counted, inFlight: 1 } }],
  [/attempts for a request/, { ...GOOD, tally: { ...tally, mostAttempts: 4 } }],
  [/budget/, { ...GOOD, counted: { ...counted, attempts: 1_201_011 } }],
  [/deadline/, { ...GOOD, tally: { ...tally, slowest: { ...tally.slowest, tookMs: 2_101 } } }],
  [/standard error/, { ...GOOD, complaints: ['an internal error'] }],
  [/resident memory/, { ...GOOD, samples: samples({ rssMiB: 1.1 }) }],
  [/resident memory/, { ...GOOD, samples: [] }],
  [/resident memory/, { ...GOOD, samples: samples({}).slice(0, 40) }],
  [/the heap/, { ...GOOD, samples: samples({ heapMiB: 1.1 }) }],
  [/under load/, { ...GOOD, samples: samples({ descriptors: 2.1 }) }],
  [/when idle/, { ...GOOD, descriptors: { before: 58, after: 61 } }],
];

for (const [promise, course] of BAD) {
  test(`a broken promise is reported by name: ${promise.source}`, () => {
    assert.match(broken(course).join('\n'), promise);
  });
}
