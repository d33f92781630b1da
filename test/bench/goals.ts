import type { Contest, Row } from './contest.ts';
import type { Failover } from './failover.ts';
import type { Footprint } from './footprint.ts';
import type { Growth } from './growth.ts';
import { kept } from './results.ts';

/** A goal, and what the last run of its benchmark measured; undefined if there was no run. */
interface Goal {
  what: string;
  bench: string;
  most?: number;
  least?: number;
  measured(): number | undefined;
}

const GOALS: Goal[] = [
  {
    what: 'requests/s compared with zmq_proxy, 64 clients, correlate: true',
    bench: 'contest',
    least: 0.7,
    measured: () => ratio(64, 'lazypirate, correlate', 'zmq_proxy', perSecond),
  },
  {
    what: 'requests/s compared with HAProxy, 64 clients, correlate: true',
    bench: 'contest',
    least: 1,
    measured: () => ratio(64, 'lazypirate, correlate', 'HAProxy', perSecond),
  },
  {
    what: "requests/s compared with the guide's Lazy Pirate (TypeScript), 64 clients, correlate: false",
    bench: 'contest',
    least: 4,
    measured: () => ratio(64, 'lazypirate', 'Lazy Pirate (TS)', perSecond),
  },
  {
    what: 'p50 compared with zmq_proxy, one client',
    bench: 'contest',
    most: 1.15,
    measured: () => ratio(1, 'lazypirate', 'zmq_proxy', ({ p50Ms }) => p50Ms.median),
  },
  {
    what: 'p99 compared with HAProxy, 64 clients, half of the peak rate, correlate: true',
    bench: 'contest',
    most: 1.5,
    measured: () => ratio(64, 'lazypirate, correlate', 'HAProxy', ({ p99Ms }) => p99Ms.median, true),
  },
  {
    what: "killed upstream: p99 of the affected requests compared with the guide's Lazy Pirate",
    bench: 'failover',
    most: 0.01,
    measured: () => {
      const found = kept<Failover>('failover')?.faults['killed'];
      return found && found.lazypirate.p99Ms / found.lazyPirate.p99Ms;
    },
  },
  {
    what: 'CPU time per request with 1,000 endpoints compared with 1 endpoint',
    bench: 'growth',
    most: 1.1,
    measured: () => {
      const points = kept<Growth>('growth')?.['endpoints'];
      const [one, thousand] = [1, 1_000].map((x) => points?.find((point) => point.x === x)?.cpuUs);
      return one && thousand && thousand / one;
    },
  },
  {
    what: 'idle RSS, MB, static',
    bench: 'footprint',
    most: 70,
    measured: () => kept<Footprint>('footprint')?.idleMb.static,
  },
  {
    what: 'idle RSS, MB, Kubernetes',
    bench: 'footprint',
    most: 90,
    measured: () => kept<Footprint>('footprint')?.idleMb.kubernetes,
  },
  {
    what: 'start to listening, ms',
    bench: 'footprint',
    most: 250,
    measured: () => {
      const listeningMs = kept<Footprint>('footprint')?.listeningMs;
      return listeningMs && Math.max(listeningMs.static, listeningMs.kubernetes);
    },
  },
];

const perSecond = (row: Row) => row.perSecond.median;

function ratio(clients: number, one: string, other: string, figure: (row: Row) => number, isOpen = false) {
  const cell = kept<Contest>('contest')?.cells.find(
    (cell) =>
      cell.clients === clients && cell.size === 64 && cell.upstreams === 1 && cell.rate > 0 === isOpen,
  );
  const [ours, theirs] = [one, other].map((name) => cell?.rows.find((row) => row.contestant === name));
  return ours && theirs && figure(ours) / figure(theirs);
}

/** Prints whether each goal is met, according to the last results. */
export function printGoals(): void {
  console.log('From the last full run of each benchmark:');
  for (const { what, bench, most, least, measured } of GOALS) {
    const value = measured();
    const goal = least !== undefined ? `>= ${least}` : `<= ${most}`;
    const isMet = value !== undefined && (least !== undefined ? value >= least : value <= (most ?? 0));
    const verdict = value === undefined ? `not measured: npm run bench ${bench}` : isMet ? 'met' : 'missed';
    console.log(
      `${goal.padStart(8)}  ${(value === undefined ? '' : value.toPrecision(3)).padStart(7)}  ${verdict.padEnd(6)}  ${what}`,
    );
  }
}
