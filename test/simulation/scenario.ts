import type { RouteSettings } from '../../src/proxy/settings.ts';
import { settingsOf } from '../support/route.ts';
import type { AppHabits } from './apps.ts';
import type { Chance } from './chance.ts';
import type { Habits, Kind } from './world.ts';

export interface Scenario {
  settings: RouteSettings;
  /** The configuration lists the endpoints: a reload changes them. Otherwise they are discovered. */
  isListed: boolean;
  /** Some of them are there from the start. */
  servers: { kind: Kind; habits: Habits }[];
  apps: AppHabits[];
  /** How long faults go on; then everything is repaired. */
  faultsMs: number;
  faultEveryMs: number;
  /** Share of the faults that are reloads of the deadline, beyond its turn among all kinds. */
  deadlines: number;
  latencyMs: number;
  loss: number;
  /** Shares of the messages; see `World`. */
  blocking: number;
  gathering: number;
  aheadMost: number;
}

export const LARGE_BYTES = 3_000;
const MESSAGE_BYTES = 2_000;
export const MIXED: readonly number[] = [20, 20, 200];
const LIGHT: readonly number[] = [20];
const HEAVY: readonly number[] = [900];

export function scenarioOf(chance: Chance): Scenario {
  const scenario = anyScenario(chance);
  return chance.is(0.15) ? withLine(chance, scenario) : scenario;
}

/**
 * Fast endpoints beside a slow one, each with room for one attempt, and so many apps that most of their requests wait in line. Some have
 * more time there than others.
 */
function withLine(chance: Chance, scenario: Scenario): Scenario {
  const { endpoints, requests } = scenario.settings;
  const { timeoutMs } = endpoints;
  const settings = {
    ...scenario.settings,
    endpoints: { ...endpoints, adaptive: chance.is(0.5), inFlight: { plain: 1, correlated: 1 } },
    requests: {
      ...requests,
      retry: { ...requests.retry, deadlineMs: chance.one([timeoutMs, timeoutMs * 2, timeoutMs * 5]) },
      limits: { ...requests.limits, inFlight: 20, inFlightBytes: 20_000, queue: 30 },
    },
  };
  const servers = scenario.servers.map((server, index) => {
    const mostMs = index === 0 ? timeoutMs * 0.9 : timeoutMs / 10;
    return { ...server, habits: { ...server.habits, serviceMs: [mostMs * 0.8, mostMs] as const } };
  });
  const apps = Array.from({ length: 12 }, () => ({
    pipeline: chance.one([1, 3]),
    thinkMs: 50,
    isOrdered: settings.requests.inFlightPerClient === 1,
    bytes: LIGHT,
  }));
  return { ...scenario, settings, servers, apps, faultsMs: 2_500, faultEveryMs: 50, deadlines: 0.7 };
}

function anyScenario(chance: Chance): Scenario {
  const settings = settingsBy(chance);
  const isMixed = chance.is(0.3);
  return {
    settings,
    isListed: chance.is(0.5),
    servers: Array.from({ length: chance.whole(1, 5) }, () => {
      const kind = kindBy(chance, settings);
      return { kind, habits: habits(chance, settings, kind) };
    }),
    apps: Array.from({ length: chance.whole(1, 12) }, () => ({
      pipeline: chance.is(0.8) ? 1 : chance.whole(2, 5),
      thinkMs: chance.one([5, 20, 200]),
      isOrdered: settings.requests.inFlightPerClient === 1,
      bytes: isMixed ? chance.one([HEAVY, LIGHT, LIGHT]) : MIXED,
    })),
    faultsMs: chance.between(300, 2_500),
    faultEveryMs: chance.one([20, 100, 400]),
    deadlines: 0,
    latencyMs: chance.one([0.2, 2, 30]),
    loss: chance.one([0, 0, 0.02, 0.2]),
    blocking: chance.one([0, 0.01, 0.1]),
    gathering: chance.one([0, 0.5]),
    aheadMost: chance.one([4, Number.MAX_SAFE_INTEGER]),
  };
}

function settingsBy(chance: Chance): RouteSettings {
  const timeoutMs = chance.one([50, 100, 300]);
  const attempts = chance.whole(1, 4);
  const deadlineMs = chance.one([timeoutMs / 2, timeoutMs * attempts + 50, 1_000, 3_000]);
  const retryOn = chance.one([['unsent', 'lost', 'timeout'], ['unsent', 'lost'], ['unsent'], []] as const);
  const mayHedge = chance.is(0.4) && retryOn.length === 3;
  return settingsOf({
    transport: 'zmtp',
    listen: 'tcp://127.0.0.1:5555',
    correlate: chance.one(['auto', true, false] as const),
    heartbeat: chance.is(0.7) ? { intervalMs: 100, timeoutMs: 300 } : 'off',
    connectTimeoutMs: chance.one([100, 400]),
    handshakeTimeoutMs: chance.one([100, 400]),
    retry: {
      timeoutMs,
      attempts,
      hedgeMs: mayHedge ? chance.between(1, timeoutMs) : undefined,
      deadlineMs,
      waitMs: chance.one([0, deadlineMs / 2, deadlineMs]),
      retryOn,
      salvage: chance.is(0.7),
      backoff: { baseMs: chance.one([0, 25]), maxMs: 100 },
    },
    budget: { ratio: chance.one([0, 0.2, 1]), minPerSecond: chance.one([0, 10]) },
    limits: {
      inFlight: chance.whole(1, 20),
      inFlightBytes: chance.one([60, 500, 1_000, 20_000, 20_000]),
      inFlightPerEndpoint: chance.whole(1, 10),
      adaptive: chance.is(0.7),
      inFlightPerClient: chance.is(0.7) ? 1 : chance.whole(2, 8),
      queue: chance.whole(1, 30),
      queueBytes: chance.whole(MESSAGE_BYTES, 20_000),
      messageBytes: chance.one([MESSAGE_BYTES / 2, MESSAGE_BYTES]),
    },
    subset: chance.is(0.2) ? chance.whole(1, 3) : 'all',
    ejection: {
      failures: chance.whole(1, 5),
      baseMs: chance.whole(10, 300),
      maxMs: 600,
      maxFraction: chance.one([0, 0.5, 1]),
    },
  });
}

/** With `correlate: true`, servers must echo. */
function kindBy(chance: Chance, { upstream }: RouteSettings): Kind {
  const { correlate } = upstream.connection;
  const socketType = chance.one(['REP', 'REP', 'ROUTER', ''] as const);
  return { socketType, isEchoing: correlate === true || chance.is(0.7), isTidy: chance.is(0.4) };
}

/** Nothing is there. */
const NOWHERE = 'tcp://10.0.0.99:7000';

/** The settings with a list of endpoints, which cannot be empty. */
export function listing(settings: RouteSettings, known: ReadonlySet<string>): RouteSettings {
  const endpoints = known.size === 0 ? [NOWHERE] : [...known];
  return { ...settings, upstream: { ...settings.upstream, discovery: { kind: 'static', endpoints } } };
}

/** The settings with a discovery. */
export function discovering(settings: RouteSettings): RouteSettings {
  const discovery = { kind: 'dns', name: 'servers', port: 7000, intervalMs: 1_000 } as const;
  return { ...settings, upstream: { ...settings.upstream, discovery } };
}

export function habits(
  chance: Chance,
  { upstream, endpoints: { timeoutMs } }: RouteSettings,
  { socketType, isEchoing, isTidy }: Kind,
): Habits {
  const { correlate } = upstream.connection;
  const serviceMs = chance.one([1, timeoutMs / 4, timeoutMs * 0.8, timeoutMs * 1.3]);
  const rarely = () => (chance.is(0.3) ? chance.between(0, 0.2) : 0);
  const isProved = socketType === 'REP' && isEchoing && isTidy;
  const isCorrelated = correlate === true || (correlate === 'auto' && isProved);
  return {
    isSerial: chance.is(0.3),
    serviceMs: [serviceMs * 0.5, serviceMs],
    silent: rarely(),
    // Without correlation, a second reply to one request cannot be told from the reply to the next. A REQ could not do it either.
    twice: isCorrelated ? rarely() : 0,
    garbage: isTidy ? 0 : rarely(),
    oversize: rarely(),
    dies: rarely(),
    hangs: rarely(),
  };
}
