import type { ProxyEvent } from '../../src/proxy/events.ts';
import { Route } from '../../src/proxy/route.ts';
import type { RouteSettings } from '../../src/proxy/settings.ts';
import { libzmq } from '../../src/transport/zeromq/zeromq-transport.ts';
import { DrivenDiscovery } from '../support/driven-discovery.ts';
import { type AppHabits, VirtualApp } from './apps.ts';
import { Chance } from './chance.ts';
import { habits, LARGE_BYTES, type Scenario, scenarioOf } from './scenario.ts';
import type { VirtualTime } from './virtual-time.ts';
import { inhabit } from './virtual-zeromq.ts';
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

/** A reply that is sent at the deadline reaches the app a little later. */
const SLACK_MS = 5;
const GOOD: Habits = { isSerial: false, serviceMs: [0.1, 1], silent: 0, twice: 0, garbage: 0, dies: 0 };
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
  readonly #trace: ((line: string) => void) | undefined;
  readonly #route: Route;
  #discovery = new DrivenDiscovery();
  readonly #apps: VirtualApp[] = [];
  readonly #known = new Set<string>();
  readonly #violations: string[] = [];
  readonly #executions = new Map<string, number>();
  readonly #counts = { received: 0, settled: 0, retries: 0, sends: 0, gone: 0, malformed: 0 };
  readonly #policies: RouteSettings[];
  #fingerprint = 0;
  #faults = 0;
  #stalledMs = 0;

  constructor(scenario: Scenario, world: World, trace?: (line: string) => void) {
    this.#scenario = scenario;
    this.#world = world;
    this.#chance = world.chance;
    this.#trace = trace;
    this.#policies = [scenario.settings];
    world.latencyMs = scenario.latencyMs;
    world.loss = scenario.loss;
    inhabit(world);
    scenario.servers.forEach((one, index) => {
      const address = `tcp://10.0.0.${index + 1}:7000`;
      world.servers.set(address, new Server(world, one, (body) => this.#executed(body)));
    });
    this.#route = new Route(scenario.settings, libzmq, this.#discovery, this.#emit, 'self');
  }

  async run(): Promise<Report> {
    const { time } = this.#world;
    const beginMs = time.nowMs;
    const failed = (error: unknown) =>
      this.#wrong(`it rejected: ${error instanceof Error ? error.stack : error}`);
    process.on('unhandledRejection', failed);
    this.#tell(JSON.stringify(this.#scenario));
    await this.#route.listen();
    const running = this.#route.run().catch(failed);
    for (const address of this.#world.servers.keys()) if (this.#chance.is(0.9)) this.#known.add(address);
    this.#find();
    for (const [index, habits] of this.#scenario.apps.entries()) this.#addApp(`app${index}`, habits);
    for (const app of this.#apps) app.start();

    const endMs = beginMs + this.#scenario.faultsMs;
    while (time.nowMs < endMs) {
      await time.run(time.nowMs + this.#chance.between(0, 2 * this.#scenario.faultEveryMs));
      this.#fault();
      this.#checkCaps();
    }
    await this.#mend();
    this.#checkOutcomes(time.nowMs - beginMs);
    void this.#route.close();
    await time.run(time.nowMs + 5_000);
    await running;
    if (this.#world.sockets !== 0) this.#wrong(`${this.#world.sockets} sockets are left open`);
    process.off('unhandledRejection', failed);
    return this.#report();
  }

  /** Ends all faults. A good client must be served within a second, and everything still in flight must end. */
  async #mend(): Promise<void> {
    const { time, servers } = this.#world;
    this.#tell('everything is repaired');
    this.#world.latencyMs = Math.min(2, this.#world.latencyMs);
    this.#world.loss = 0;
    for (const app of this.#apps) app.isStopped = true;
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
    const isFull = this.#policies.length > 1 && this.#isHeldUp();
    const good = this.#addApp('good', { pipeline: 1, thinkMs: 1, isOrdered: true });
    good.ask();
    good.isStopped = true;
    const longestMs = Math.max(...this.#policies.map(({ retry }) => retry.deadlineMs));
    await time.run(time.nowMs + longestMs + 200);
    const [outcome] = good.outcomes;
    if (outcome === undefined) return this.#wrong('8: a good client got nothing');
    const isPossible = outcome.body.length < LARGE_BYTES && settings.retry.deadlineMs >= 100 && !isFull;
    if (isPossible && outcome.failure) this.#wrong(`8: a good client got ${JSON.stringify(outcome.failure)}`);
  }

  /**
   * Whether requests sent before a reload block new ones: they keep their places until they end at their original upstream, and
   * so do the requests that their clients sent after them.
   */
  #isHeldUp(): boolean {
    const { inFlight, queued, settings } = this.#route.status();
    const most = settings.limits.inFlightPerClient;
    const behind = this.#apps.reduce((sum, { pending }) => sum + Math.max(0, pending.length - most), 0);
    return inFlight >= settings.limits.inFlight || (queued >= settings.limits.queue && queued <= behind);
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
        server.habits = habits(chance, this.#scenario.settings);
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
        this.#addApp(`app${this.#apps.length}`, { pipeline: 1, thinkMs: 20, isOrdered: true }).start(),
      babble: () => chance.one(this.#apps).babble(),
      reload: () => this.#reload(),
      'reload of the upstream': () => this.#reload(true),
    };
    const name = chance.one(Object.keys(faults));
    this.#tell(`fault: ${name} ${address}`);
    faults[name]?.();
  }

  #stall(ms: number): void {
    this.#stalledMs += ms;
    this.#world.time.stall(ms);
  }

  /** Other settings; the connections of an upstream stay as they were made. */
  #reload(isOtherUpstream = false): void {
    const { settings } = scenarioOf(this.#chance);
    const latest = this.#policies.at(-1) ?? settings;
    const { inFlightPerClient } = latest.limits;
    const limits = { ...settings.limits, inFlightPerClient };
    const next = { ...settings, limits, connection: latest.connection, budget: latest.budget };
    this.#policies.push(next);
    this.#tell(`reload: ${JSON.stringify(next)}`);
    if (isOtherUpstream) this.#discovery = new DrivenDiscovery();
    this.#route.apply(next, isOtherUpstream ? this.#discovery : undefined);
    if (isOtherUpstream) this.#find();
  }

  #find(): void {
    void this.#discovery.find(...this.#known);
  }

  #addApp(id: string, habits: AppHabits): VirtualApp {
    const app = new VirtualApp(id, this.#world, habits, LARGE_BYTES);
    this.#apps.push(app);
    return app;
  }

  #executed(body: string): void {
    const [request = ''] = body.split('x');
    this.#executions.set(request, (this.#executions.get(request) ?? 0) + 1);
    this.#tell(`executes ${request}`);
  }

  readonly #emit = (event: ProxyEvent): void => {
    this.#tell(JSON.stringify(event));
    const counts = this.#counts;
    if (event.kind === 'received') counts.received++;
    if (event.kind === 'malformed') counts.malformed++;
    if (event.kind === 'retry') counts.retries++;
    if (event.kind === 'attempt') {
      counts.sends++;
      if (event.result === 'timeout' && this.#world.time.isInputWaiting)
        this.#wrong('a timeout was declared while input was unread');
    }
    if (event.kind === 'internalError') this.#wrong(`internal error: ${(event.error as Error).stack}`);
    if (event.kind !== 'settled') return;
    counts.settled++;
    if (event.outcome === 'client_gone') counts.gone++;
    const most = Math.max(...this.#policies.map(({ retry }) => retry.attempts));
    if (event.request.attempts > most) this.#wrong(`3: ${event.request.attempts} attempts`);
    const deadlineMs = Math.max(...this.#policies.map(({ retry }) => retry.deadlineMs));
    if (event.request.elapsedMs > deadlineMs + SLACK_MS + this.#stalledMs)
      this.#wrong(`4: settled after ${event.request.elapsedMs} ms`);
  };

  #checkCaps(): void {
    const { inFlight, queued, queuedBytes, endpoints } = this.#route.status();
    const most = (of: (settings: RouteSettings) => number) => Math.max(...this.#policies.map(of));
    if (inFlight > most(({ limits }) => limits.inFlight)) this.#wrong(`5: ${inFlight} in flight`);
    if (queued > most(({ limits }) => limits.queue)) this.#wrong(`5: ${queued} queued`);
    if (queuedBytes > most(({ limits }) => limits.queueBytes)) this.#wrong(`5: ${queuedBytes} bytes queued`);
    for (const { address, inFlight } of endpoints)
      if (inFlight < 0 || inFlight > most(({ limits }) => limits.inFlightPerEndpoint.correlated))
        this.#wrong(`5: ${inFlight} in flight at ${address}`);
  }

  #checkOutcomes(elapsedMs: number): void {
    const { received, settled, retries, sends, malformed } = this.#counts;
    const { queued, queuedBytes, inFlight, refused, ended, endpoints } = this.#route.status();
    if (queued + queuedBytes + inFlight + refused + ended > 0)
      this.#wrong(`left behind: ${queued} queued, ${inFlight} in flight, ${refused + ended} not told`);
    for (const one of endpoints)
      if (one.inFlight !== 0) this.#wrong(`left behind: ${one.inFlight} at ${one.address}`);
    if (received !== settled) this.#wrong(`2: ${received} received, ${settled} settled`);
    const { ratio, minPerSecond } = this.#scenario.settings.budget;
    const allowed = received * ratio + minPerSecond * (elapsedMs / 1_000 + 1);
    if (retries > allowed) this.#wrong(`3: ${retries} retries of ${received} requests`);
    if (sends > received + allowed) this.#wrong(`3: ${sends} attempts`);
    const babbled = this.#apps.reduce((sum, app) => sum + app.malformed, 0);
    if (malformed !== babbled) this.#wrong(`${malformed} of ${babbled} malformed messages`);
    for (const app of this.#apps) this.#checkApp(app);
  }

  #checkApp(app: VirtualApp): void {
    for (const wrong of app.wrong) this.#wrong(`1: ${wrong}`);
    for (const { body } of app.pending) this.#wrong(`2: no outcome for ${body.slice(0, 20)}`);
    const most = Math.max(...this.#policies.map(({ retry }) => retry.attempts));
    const isOnce = this.#policies.every(({ retry }) => retry.retryOn.every((one) => one === 'unsent'));
    for (const { body, failure } of app.outcomes) {
      const [request = ''] = body.split('x');
      const executions = this.#executions.get(request) ?? 0;
      if (executions > (isOnce ? 1 : most)) this.#wrong(`6: ${request} was executed ${executions} times`);
      if (failure?.executed === 'no' && executions > 0)
        this.#wrong(`6: ${request} was executed, but the failure reply says no`);
      if (failure?.code === 'INTERNAL') this.#wrong(`7: ${request} met a bug`);
    }
  }

  #wrong(violation: string): void {
    this.#violations.push(violation);
    this.#tell(`VIOLATION ${violation}`);
  }

  #tell(line: string): void {
    for (let at = 0; at < line.length; at += 7)
      this.#fingerprint = (this.#fingerprint * 31 + line.charCodeAt(at)) | 0;
    this.#trace?.(`${this.#world.time.nowMs.toFixed(2)} ${line}`);
  }

  #report(): Report {
    const outcomes = this.#apps.flatMap((app) => app.outcomes);
    return {
      violations: this.#violations,
      requests: this.#counts.received,
      replied: outcomes.filter(({ failure }) => failure === undefined).length,
      faults: this.#faults,
      fingerprint: this.#fingerprint,
    };
  }
}
