import { StaticDiscovery } from '../../src/discovery/static.ts';
import { Route } from '../../src/proxy/route.ts';
import type { RouteSettings } from '../../src/proxy/settings.ts';
import { DrivenDiscovery } from '../support/driven-discovery.ts';
import { type AppHabits, VirtualApp } from './apps.ts';
import { Chance } from './chance.ts';
import { Checks } from './checks.ts';
import { discovering, habits, LARGE_BYTES, listing, MIXED, type Scenario, scenarioOf } from './scenario.ts';
import type { VirtualTime } from './virtual-time.ts';
import { VirtualTransport } from './virtual-transport.ts';
import { type Habits, Server, World } from './world.ts';

/** The result of one seed. */
export interface Report {
  /** Broken promises; empty if all were kept. */
  violations: string[];
  requests: number;
  replied: number;
  faults: number;
  /** A hash of all events: it differs if two runs of a seed ever differ. */
  fingerprint: number;
}

const GOOD: Habits = {
  isSerial: false,
  serviceMs: [0.1, 1],
  silent: 0,
  twice: 0,
  garbage: 0,
  oversize: 0,
  dies: 0,
  hangs: 0,
};
/** Promise 8: a good client is served within a second. */
const GOOD_AGAIN_MS = 1_000;
/** Runs the real route in a world made from the seed, and checks its promises. */
export async function simulate(
  seed: number,
  time: VirtualTime,
  trace?: (line: string) => void,
): Promise<Report> {
  time.clear();
  const chance = new Chance(seed);
  Math.random = new Chance(seed ^ 0x5eed).next;
  const simulation = new Simulation(scenarioOf(chance), new World(time, chance), trace);
  return simulation.run();
}

class Simulation {
  readonly #scenario: Scenario;
  readonly #world: World;
  readonly #chance: Chance;
  readonly #route: Route;
  #discovery = new DrivenDiscovery();
  readonly #apps: VirtualApp[] = [];
  readonly #known = new Set<string>();
  readonly #checks: Checks;
  #faults = 0;

  constructor(scenario: Scenario, world: World, trace?: (line: string) => void) {
    this.#scenario = scenario;
    this.#world = world;
    this.#chance = world.chance;
    world.latencyMs = scenario.latencyMs;
    world.loss = scenario.loss;
    world.blocking = scenario.blocking;
    world.gathering = scenario.gathering;
    world.aheadMost = scenario.aheadMost;
    scenario.servers.forEach(({ kind, habits }, index) => {
      const address = `tcp://10.0.0.${index + 1}:7000`;
      if (world.chance.is(0.9)) this.#known.add(address);
      world.servers.set(address, new Server(world, kind, habits, (body) => this.#checks.executed(body)));
    });
    const settings = scenario.isListed
      ? listing(scenario.settings, this.#known)
      : discovering(scenario.settings);
    this.#checks = new Checks(world, settings, trace);
    world.observer = this.#checks;
    this.#route = new Route(
      settings,
      new VirtualTransport(world),
      (one) => (one.kind === 'static' ? new StaticDiscovery(one.endpoints) : this.#discovery),
      this.#checks.events,
      'self',
    );
  }

  async run(): Promise<Report> {
    const { time } = this.#world;
    const beginMs = time.nowMs;
    const failed = (error: unknown) =>
      this.#checks.wrong(`it rejected: ${error instanceof Error ? error.stack : error}`);
    process.on('unhandledRejection', failed);
    this.#checks.tell(JSON.stringify(this.#scenario));
    await this.#route.listen();
    const running = this.#route.run().catch(failed);
    if (!this.#scenario.isListed) this.#find();
    for (const [index, habits] of this.#scenario.apps.entries()) this.#addApp(`app${index}`, habits);
    for (const app of this.#apps) app.start();

    const endMs = beginMs + this.#scenario.faultsMs;
    while (time.nowMs < endMs) {
      await time.run(time.nowMs + this.#chance.between(0, 2 * this.#scenario.faultEveryMs));
      this.#fault();
      this.#checks.caps(this.#route.status());
    }
    await this.#mend();
    this.#checks.outcomes(this.#apps, this.#route.status(), time.nowMs - beginMs);
    let isClosed = false;
    const closing = this.#route.close().then(() => {
      isClosed = true;
    });
    closing.catch(failed);
    await time.run(time.nowMs + 5_000);
    if (!isClosed) this.#checks.wrong('closing the route has not ended');
    await running;
    if (this.#world.sockets !== 0) this.#checks.wrong(`${this.#world.sockets} sockets are left open`);
    process.off('unhandledRejection', failed);
    return this.#report();
  }

  /** Ends all faults. A good client must be served within a second, and everything still in flight must end. */
  async #mend(): Promise<void> {
    const { time, servers } = this.#world;
    this.#checks.tell('everything is repaired');
    this.#world.latencyMs = Math.min(2, this.#world.latencyMs);
    this.#world.loss = 0;
    this.#world.blocking = 0;
    for (const app of this.#apps) {
      app.isStopped = true;
      app.read();
    }
    for (const server of servers.values()) {
      server.crash();
      server.habits = GOOD;
      server.heal();
      server.restart();
    }
    for (const address of servers.keys()) this.#known.add(address);
    this.#find();
    await time.run(time.nowMs + GOOD_AGAIN_MS);
    const { settings } = this.#route.status();
    const isFull = this.#checks.policies.length > 1 && this.#isHeldUp();
    const good = this.#addApp('good', { pipeline: 1, thinkMs: 1, isOrdered: true, bytes: MIXED });
    good.ask();
    good.isStopped = true;
    const longestMs = Math.max(...this.#checks.policies.map(({ requests }) => requests.retry.deadlineMs));
    await time.run(time.nowMs + longestMs + 200);
    const [outcome] = good.outcomes;
    if (outcome === undefined) return this.#checks.wrong('8: a good client got nothing');
    const isPossible =
      outcome.body.length < LARGE_BYTES && settings.requests.retry.deadlineMs >= 100 && !isFull;
    if (isPossible && outcome.failure)
      this.#checks.wrong(`8: a good client got ${JSON.stringify(outcome.failure)}`);
  }

  /**
   * Whether requests sent before a reload block new ones: they keep their places until they end at their original upstream, and
   * so do the requests that their clients sent after them.
   */
  #isHeldUp(): boolean {
    const { inFlight, queued, settings } = this.#route.status();
    const most = settings.requests.inFlightPerClient;
    const behind = this.#apps.reduce((sum, { pending }) => sum + Math.max(0, pending.length - most), 0);
    return (
      inFlight >= settings.requests.limits.inFlight ||
      (queued >= settings.requests.limits.queue && queued <= behind)
    );
  }

  #fault(): void {
    const { time, servers } = this.#world;
    const chance = this.#chance;
    const address = chance.one([...servers.keys()]);
    const server = servers.get(address);
    if (server === undefined) return;
    this.#faults++;
    const faults: Record<string, () => void> = {
      crash: () => server.crash(),
      restart: () => server.restart(),
      'crash and restart': () => {
        server.crash();
        time.after(chance.between(0, 300), () => server.restart());
      },
      reset: () => server.reset(),
      cut: () => server.cut(),
      heal: () => server.heal(),
      'other habits': () => {
        server.habits = habits(chance, this.#scenario.settings, server.kind);
      },
      stall: () => this.#stall(chance.between(1, 400)),
      'not in the set': () => {
        this.#known.delete(address);
        this.#find();
      },
      'in the set': () => {
        this.#known.add(address);
        this.#find();
      },
      'app leaves': () => chance.one(this.#apps).leave(),
      'app comes': () =>
        this.#addApp(`app${this.#apps.length}`, {
          pipeline: 1,
          thinkMs: 20,
          isOrdered: true,
          bytes: MIXED,
        }).start(),
      flood: () => this.#flood(chance.one(this.#apps)),
      babble: () => chance.one(this.#apps).babble(),
      reload: () => this.#reload(),
      'reload of the upstream': () => this.#reload(true),
      'reload of the listener': () => this.#move(),
      'reload of the deadline': () => this.#reloadDeadline(),
    };
    const isDeadline = chance.is(this.#scenario.deadlines);
    const name = isDeadline ? 'reload of the deadline' : chance.one(Object.keys(faults));
    this.#checks.tell(`fault: ${name} ${address}`);
    faults[name]?.();
  }

  /** Without `inFlightPerClient` above 1, replies come in order. */
  #flood(app: VirtualApp): void {
    const chance = this.#chance;
    app.isReading = chance.is(0.7);
    app.flood(chance.whole(5, 40), this.#scenario.settings.requests.inFlightPerClient === 1);
    if (!app.isReading) this.#world.time.after(chance.between(20, 800), () => app.read());
  }

  #stall(ms: number): void {
    this.#checks.stalledMs += ms;
    this.#world.time.stall(ms);
  }

  /** Other settings; the connections of an upstream stay as they were made, and so do those to endpoints that stay in a list. */
  #reload(isOtherUpstream = false): void {
    const chance = this.#chance;
    const { settings } = scenarioOf(chance);
    const latest = this.#latest;
    const { inFlightPerClient, budget } = latest.requests;
    const requests = { ...settings.requests, inFlightPerClient, budget };
    const listener = { ...settings.listener, listen: latest.listener.listen };
    const other = isOtherUpstream && { connectTimeoutMs: 100 + this.#checks.policies.length };
    const connection = { ...latest.upstream.connection, ...other };
    const next = { ...settings, listener, requests, upstream: { ...latest.upstream, connection } };
    if (this.#scenario.isListed) {
      if (chance.is(0.5)) this.#toggle(chance.one([...this.#world.servers.keys()]));
      return this.#apply(listing(next, this.#known));
    }
    if (isOtherUpstream) this.#discovery = new DrivenDiscovery();
    this.#apply(next);
    if (isOtherUpstream) this.#find();
  }

  /** All else stays as it is. */
  #reloadDeadline(): void {
    const { requests, endpoints } = this.#latest;
    const deadlineMs = endpoints.timeoutMs * this.#chance.one([1, 1.2, 1.5, 5]);
    this.#apply({ ...this.#latest, requests: { ...requests, retry: { ...requests.retry, deadlineMs } } });
  }

  #toggle(address: string): void {
    if (!this.#known.delete(address)) this.#known.add(address);
  }

  #apply(settings: RouteSettings): void {
    this.#checks.policies.push(settings);
    this.#checks.tell(`reload: ${JSON.stringify(settings)}`);
    this.#route.apply(settings);
  }

  /** The settings of the newest reload. */
  get #latest(): RouteSettings {
    return this.#checks.policies.at(-1) ?? this.#scenario.settings;
  }

  /** Apps that are connected stay so. */
  #move(): void {
    const listen = `tcp://127.0.0.1:${6_000 + this.#checks.policies.length}`;
    const latest = this.#latest;
    const next = { ...latest, listener: { ...latest.listener, listen } };
    this.#checks.policies.push(next);
    const moving = async () => {
      await this.#route.release();
      await this.#route.listen(listen);
      // Another reload may have come meanwhile.
      this.#route.apply(this.#latest);
    };
    moving().catch((error) => this.#checks.wrong(`the listener has not moved: ${error}`));
  }

  /** Other servers are in the set: discovery tells it, or a reload. */
  #find(): void {
    if (!this.#scenario.isListed) return void this.#discovery.find(...this.#known);
    const before = this.#route.status();
    this.#apply(listing(this.#latest, this.#known));
    this.#checks.relisted(before, this.#route.status());
  }

  #addApp(id: string, habits: AppHabits): VirtualApp {
    const app = new VirtualApp(id, this.#world, habits, LARGE_BYTES);
    this.#apps.push(app);
    return app;
  }

  #report(): Report {
    const outcomes = this.#apps.flatMap((app) => app.outcomes);
    return {
      violations: this.#checks.violations,
      requests: this.#checks.counts.received,
      replied: outcomes.filter(({ failure }) => failure === undefined).length,
      faults: this.#faults,
      fingerprint: this.#checks.fingerprint,
    };
  }
}
