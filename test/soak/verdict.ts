import type { Slowest, Tally } from './tally.ts';

/** The sidecar process at one moment. */
export interface Sample {
  /** Asked so far. */
  requests: number;
  rssMiB: number;
  heapMiB: number;
  descriptors: number;
}

export interface Course {
  seconds: number;
  samples: readonly Sample[];
  tally: Tally;
  /** What the sidecar's own metrics say in the end. */
  counted: { replied: number; failed: number; attempts: number; retries: number; inFlight: number };
  /** Open descriptors of the sidecar at rest. */
  descriptors: { before: number; after: number };
  /** What the sidecar has said that it never should. */
  complaints: readonly string[];
}

export interface Policy {
  routes: number;
  attempts: number;
  deadlineMs: number;
  budget: { ratio: number; minPerSecond: number };
}

export interface Finding {
  promise: string;
  found: string;
  isHeld: boolean;
}

/** What a process takes up in the beginning is no leak: the first part of the requests does not count, and no less than so many. */
export const WARM_UP = { share: 0.25, least: 100_000 };
/** With fewer than so many after that, memory that comes and goes cannot be told from memory that grows. */
const LEAST_JUDGED = 300_000;
const SLOPE_MIB = 1;
/** Descriptors come and go with connections; those in rest are compared exactly. */
const SLOPE_DESCRIPTORS = 2;
const DESCRIPTORS_APART = 2;
const LATE_MS = 100;

/** What grew, or was promised and not kept. */
export function judge(course: Course, policy: Policy): Finding[] {
  return [...promises(course, policy), ...growth(course)];
}

function promises({ tally, counted, seconds, complaints }: Course, policy: Policy): Finding[] {
  const { asked, replied, failed, crossed, broken, uncalled, slowest, mostAttempts } = tally;
  const { routes, budget } = policy;
  const mostMs = policy.deadlineMs + LATE_MS;
  const most = Math.floor(asked * (1 + budget.ratio) + routes * budget.minPerSecond * (seconds + 1));
  const isAgreed = counted.replied === replied && counted.failed === failed && counted.inFlight === 0;
  return [
    {
      promise: 'no reply reaches another request',
      found: `${crossed} crossed, ${broken} broken`,
      isHeld: crossed + broken === 0,
    },
    {
      promise: 'exactly one outcome for each request',
      found: `${asked} asked, ${replied} replied, ${failed} failed, ${uncalled} replies too many`,
      isHeld: asked > 0 && replied + failed + crossed + broken === asked && uncalled === 0,
    },
    {
      promise: 'the metrics say the same',
      found: `${counted.replied} ok, ${counted.failed} failed, ${counted.inFlight} in flight`,
      isHeld: isAgreed,
    },
    {
      promise: `at most ${policy.attempts} attempts for a request`,
      found: `${mostAttempts} for one that failed`,
      isHeld: mostAttempts <= policy.attempts,
    },
    {
      promise: 'all attempts together stay within the budget',
      found: `${counted.attempts} of ${most}, ${counted.retries} of them retries`,
      isHeld: counted.attempts <= most,
    },
    {
      promise: `an outcome within the deadline and ${LATE_MS} ms`,
      found: `the slowest took ${slowest.tookMs.toFixed(0)} of ${mostMs} ms (${story(slowest)})`,
      isHeld: slowest.tookMs <= mostMs,
    },
    {
      promise: 'no bug met, nothing on standard error',
      found: complaints[0] ?? 'nothing',
      isHeld: complaints.length === 0,
    },
  ];
}

function story({ outcome, elapsedMs, bytes }: Slowest): string {
  const inside = elapsedMs === undefined ? '' : `, ${elapsedMs.toFixed(0)} ms of it in the sidecar`;
  return `${outcome}, ${bytes} bytes${inside}`;
}

function growth({ samples, descriptors: { before, after } }: Course): Finding[] {
  const warm = afterWarmUp(samples);
  const last = warm.at(-1);
  const grows = (of: (sample: Sample) => number, most: number, what: string): Omit<Finding, 'promise'> => {
    if (last === undefined || last.requests - (warm[0]?.requests ?? 0) < LEAST_JUDGED)
      return { found: 'too few requests to tell', isHeld: false };
    const slope = slopeOf(warm, of);
    const per = `${slope.toFixed(2)} ${what} per 100,000 requests`;
    return {
      found: `${per}, ${of(last).toFixed(0)} in the end`,
      isHeld: slope <= most,
    };
  };
  return [
    {
      promise: `resident memory grows by at most ${SLOPE_MIB} MiB per 100,000 requests`,
      ...grows(({ rssMiB }) => rssMiB, SLOPE_MIB, 'MiB'),
    },
    {
      promise: `the heap grows by at most ${SLOPE_MIB} MiB per 100,000 requests`,
      ...grows(({ heapMiB }) => heapMiB, SLOPE_MIB, 'MiB'),
    },
    {
      promise: `descriptors under load grow by at most ${SLOPE_DESCRIPTORS} per 100,000 requests`,
      ...grows(({ descriptors }) => descriptors, SLOPE_DESCRIPTORS, 'descriptors'),
    },
    {
      promise: `descriptors at rest are within ${DESCRIPTORS_APART} of those before`,
      found: `${before} before, ${after} after`,
      isHeld: Math.abs(after - before) <= DESCRIPTORS_APART,
    },
  ];
}

function afterWarmUp(samples: readonly Sample[]): Sample[] {
  const last = samples.at(-1)?.requests ?? 0;
  return samples.filter(({ requests }) => requests >= Math.max(last * WARM_UP.share, WARM_UP.least));
}

/** By least squares, per 100,000 requests. */
function slopeOf(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const mean = (value: (sample: Sample) => number) =>
    samples.reduce((total, one) => total + value(one), 0) / samples.length;
  const x = mean(({ requests }) => requests);
  const y = mean(of);
  const together = mean((one) => (one.requests - x) * (of(one) - y));
  return (together / mean(({ requests }) => (requests - x) ** 2)) * 100_000;
}
