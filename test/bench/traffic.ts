import type { Scope } from '../support/program.ts';
import { type Lane, type MeasuredCell, measure, type Row, startAll } from './contest.ts';
import {
  type Contestant,
  envoy,
  haproxy,
  lazyPirateInPython,
  lazyPirateInTypeScript,
  lazypirate,
  lazypirateOnLibzmq,
  lazypiratePlain,
  nginx,
  versionOf,
  zmqProxy,
  zmtpRelay,
} from './contestants.ts';
import type { Goal } from './goal.ts';

const RELAYS = [haproxy, nginx, envoy];
const ALL = [
  zmqProxy,
  ...RELAYS,
  lazyPirateInTypeScript,
  lazyPirateInPython,
  zmtpRelay,
  lazypirateOnLibzmq,
  lazypiratePlain,
  lazypirate,
];
/** Those that the goals for many apps need. */
const MANY = [zmqProxy, ...RELAYS, lazypirateOnLibzmq, lazypirate];

/** What the contestants of one run reached under each load, and what went wrong. */
export class Traffic {
  readonly cells: MeasuredCell[] = [];
  /** Wrong and missing replies. */
  readonly failures: string[] = [];
  readonly missing: Record<string, string> = {};
  readonly versions: Record<string, string> = {};
  readonly #rounds: number;
  #lanes: Lane[] = [];

  constructor(rounds: number) {
    this.#rounds = rounds;
  }

  /** Starts those contestants that this machine has, and names the others. */
  async start(scope: Scope, contestants: readonly Contestant[]): Promise<void> {
    const there: Contestant[] = [];
    for (const contestant of contestants) {
      const { name } = contestant;
      const lack = contestant.lacks();
      const version = lack === undefined ? versionOf(contestant) : undefined;
      if (version !== undefined) this.versions[name] = version;
      if (lack === undefined) there.push(contestant);
      else this.missing[name] = lack;
      if (lack !== undefined) console.log(`${name} is missing, so it is skipped: it needs ${lack}`);
    }
    this.#lanes = await startAll(scope, there);
  }

  /** Closed loop if `rate` is 0. */
  async load(clients: number, size: number, contestants: readonly Contestant[], rate = 0): Promise<Rows> {
    const names = ['direct', ...contestants.map(({ name }) => name)];
    const lanes = this.#lanes.filter(({ name }) => names.includes(name));
    const cell = { clients, size, rate, rounds: this.#rounds };
    const rows = await measure(cell, rate > 0 ? lanes.slice(1) : lanes, this.failures);
    this.cells.push({ ...cell, rows });
    return new Rows(rows);
  }
}

type Figure = 'perSecond' | 'p50Ms' | 'p99Ms' | 'cpuUs';

/** What the contestants reached under one load. */
class Rows {
  readonly #rows: readonly Row[];

  constructor(rows: readonly Row[]) {
    this.#rows = rows;
  }

  of({ name }: Contestant, figure: Figure): number | undefined {
    return this.#rows.find(({ contestant }) => contestant === name)?.[figure].median;
  }

  /** One's figure compared with the other's; the highest of them, if there are several. */
  ratio(figure: Figure, one: Contestant, ...others: Contestant[]): number | undefined {
    const [ours, ...theirs] = [one, ...others].map((contestant) => this.of(contestant, figure));
    const there = theirs.filter((value) => value !== undefined);
    return ours === undefined || there.length === 0 ? undefined : ours / Math.max(...there);
  }

  /** Requests per second of both transports. */
  rates(...others: Contestant[]): Pick<Goal, 'figure' | 'libzmq'> {
    return {
      figure: this.ratio('perSecond', lazypirate, ...others),
      libzmq: this.ratio('perSecond', lazypirateOnLibzmq, ...others),
    };
  }
}

/** Requests per second, latency and CPU time with bodies of 64 B. */
export async function throughput(scope: Scope, traffic: Traffic): Promise<Goal[]> {
  const goals: Goal[] = [];
  await traffic.start(scope, ALL);
  const one = await traffic.load(1, 64, ALL);
  const p50 = (ours: Contestant) => one.ratio('p50Ms', ours, zmqProxy);
  goals.push({
    what: 'p50 compared with zmq_proxy, one app',
    figure: p50(lazypirate),
    libzmq: p50(lazypirateOnLibzmq),
    most: { transport: 0.75 },
  });
  for (const clients of [16, 64, 256, 1_000]) {
    const rows = await traffic.load(clients, 64, contestantsFor(clients));
    const many = `${clients.toLocaleString('en')} apps`;
    goals.push({
      what: `requests/s compared with zmq_proxy, ${many}`,
      ...rows.rates(zmqProxy),
      least: { transport: 0.75, core: 1 },
    });
    goals.push({
      what: `requests/s compared with the best of HAProxy, nginx and Envoy, ${many}`,
      ...rows.rates(...RELAYS),
      least: { transport: clients === 16 ? undefined : 1, core: clients === 16 ? 1 : 1.1 },
    });
    if (clients === 64) goals.push(...at64(rows), await openLoop(traffic, rows));
  }
  return goals;
}

/**
 * With a thousand apps, libzmq is left out: it does not notice that the apps of the last round have left, so their requests fill the
 * queue, and new ones are refused.
 */
function contestantsFor(clients: number): readonly Contestant[] {
  if (clients === 64) return ALL;
  return clients < 1_000 ? MANY : MANY.filter((one) => one !== lazypirateOnLibzmq);
}

function at64(rows: Rows): Goal[] {
  const [ours, bare] = [lazypirate, zmtpRelay].map((one) => rows.of(one, 'cpuUs'));
  return [
    {
      what: 'CPU time of a request compared with zmq_proxy, 64 apps',
      figure: rows.ratio('cpuUs', lazypirate, zmqProxy),
      libzmq: rows.ratio('cpuUs', lazypirateOnLibzmq, zmqProxy),
      most: { transport: 1.3, core: 1 },
    },
    {
      what: 'CPU time of a request compared with HAProxy, 64 apps',
      figure: rows.ratio('cpuUs', lazypirate, haproxy),
      most: { core: 1 },
    },
    {
      what: 'CPU time of a request above that of the bare relay on the same transport, 64 apps, us',
      figure: ours === undefined || bare === undefined ? undefined : ours - bare,
      most: { core: 3 },
    },
    {
      what: 'requests/s compared with HAProxy, correlate: false, 64 apps',
      figure: rows.ratio('perSecond', lazypiratePlain, haproxy),
      least: { transport: 0.6, core: 0.7 },
    },
    {
      what: "requests/s compared with the guide's Lazy Pirate in TypeScript, correlate: false, 64 apps",
      figure: rows.ratio('perSecond', lazypiratePlain, lazyPirateInTypeScript),
      least: { transport: 4 },
    },
  ];
}

async function openLoop(traffic: Traffic, closed: Rows): Promise<Goal> {
  const rate = Math.round((closed.of(haproxy, 'perSecond') ?? 0) / 2);
  const rows = rate > 0 ? await traffic.load(64, 64, [haproxy, lazypirate], rate) : undefined;
  return {
    what: "p99 compared with HAProxy, open loop at half of HAProxy's requests/s, 64 apps",
    figure: rows?.ratio('p99Ms', lazypirate, haproxy),
    most: { transport: 1.5, core: 1.2 },
  };
}

/** Requests per second with large bodies. */
export async function bodies(scope: Scope, traffic: Traffic): Promise<Goal[]> {
  const goals: Goal[] = [];
  const contestants = [haproxy, lazypirateOnLibzmq, lazypirate];
  await traffic.start(scope, contestants);
  for (const [clients, size, name] of [
    [64, 4_096, '4 KiB'],
    [8, 1_048_576, '1 MiB'],
  ] as const) {
    const rows = await traffic.load(clients, size, contestants);
    const what = `requests/s compared with HAProxy, ${name}, ${clients} apps`;
    goals.push({ what, ...rows.rates(haproxy), least: { transport: 0.9 } });
  }
  return goals;
}
