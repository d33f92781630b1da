import type { Slowest, Tally } from './tally.ts';
import type { Watched } from './watch.ts';

/** The sidecar process at one moment. */
export interface Sample {
  /** Requests sent so far. */
  requests: number;
  rssMiB: number;
  heapMiB: number;
  descriptors: number;
}

export interface Course {
  seconds: number;
  samples: readonly Sample[];
  tally: Tally;
  /** What the sidecar's own metrics say at the end. */
  counted: { replied: number; failed: number; attempts: number; retries: number; inFlight: number };
  /** What those saw who looked at it meanwhile. */
  watched: Watched;
  /** Open descriptors of the idle sidecar. */
  descriptors: { before: number; after: number };
  /** Internal errors in the log, and anything on standard error. */
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

/** Memory that a process takes at first is not a leak: skip this share of the requests, but at least so many. */
export const WARM_UP = { share: 0.25, least: 100_000 };
/** With fewer requests than this after the warm-up, noise in memory use cannot be told from growth. */
const LEAST_JUDGED = 300_000;
const SLOPE_MIB = 1;
/** Descriptors come and go with connections, so this is loose; at rest they are compared closely. */
const SLOPE_DESCRIPTORS = 2;
const DESCRIPTORS_APART = 2;
export const LATE_MS = 100;

/** Judges every promise and every kind of growth. */
export function judge(course: Course, policy: Policy): Finding[] {
  return [...promises(course, policy), ...growth(course)];
}

function promises({ tally, counted, watched, seconds, complaints }: Course, policy: Policy): Finding[] {
  const { asked, replied, failed, crossed, broken, uncalled, slowest, mostAttempts } = tally;
  const { routes, budget } = policy;
  const mostMs = policy.deadlineMs + LATE_MS;
  const most = Math.floor(asked * (1 + budget.ratio) + routes * budget.minPerSecond * (seconds + 1));
  const isAgreed = counted.replied === replied && counted.failed === failed && counted.inFlight === 0;
  return [
    {
      promise: 'no reply reaches another request',
      found: `${crossed} to another request, ${broken} to none`,
      isHeld: crossed + broken === 0,
    },
    {
      promise: 'exactly one outcome for each request',
      found: `${asked} sent, ${replied} replied, ${failed} failed, ${uncalled} extra replies`,
      isHeld: asked > 0 && replied + failed + crossed + broken === asked && uncalled === 0,
    },
    {
      promise: 'the metrics agree',
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
      promise: `an outcome within the deadline plus ${LATE_MS} ms`,
      found: `the slowest took ${slowest.tookMs.toFixed(0)} of ${mostMs} ms (${story(slowest)})`,
      isHeld: slowest.tookMs <= mostMs,
    },
    {
      promise: 'a tap, traces and the pages show it meanwhile',
      found: `${watched.settled} outcomes in the tap, ${watched.lost} lines left out, ${(watched.spanBytes / 2 ** 20).toFixed(0)} MiB of spans, ${watched.pages} pages`,
      isHeld: watched.settled > 0 && watched.spanBytes > 0 && watched.pages > 0 && watched.refused === 0,
    },
    {
      promise: 'no internal error, nothing on standard error',
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
      return { found: 'too few requests to judge', isHeld: false };
    const slope = slopeOf(warm, of);
    const per = `${slope.toFixed(2)} ${what} per 100,000 requests`;
    return {
      found: `${per}, ${of(last).toFixed(0)} at the end`,
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
      promise: `descriptors when idle differ by at most ${DESCRIPTORS_APART} from those before`,
      found: `${before} before, ${after} after`,
      isHeld: Math.abs(after - before) <= DESCRIPTORS_APART,
    },
  ];
}

function afterWarmUp(samples: readonly Sample[]): Sample[] {
  const last = samples.at(-1)?.requests ?? 0;
  return samples.filter(({ requests }) => requests >= Math.max(last * WARM_UP.share, WARM_UP.least));
}

/** Slope per 100,000 requests, by least squares. */
function slopeOf(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const mean = (value: (sample: Sample) => number) =>
    samples.reduce((total, one) => total + value(one), 0) / samples.length;
  const x = mean(({ requests }) => requests);
  const y = mean(of);
  const together = mean((one) => (one.requests - x) * (of(one) - y));
  return (together / mean(({ requests }) => (requests - x) ** 2)) * 100_000;
}
