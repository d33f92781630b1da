import type { Config, UpstreamConfig } from '../config/config.ts';
import { isTaken, listenOf } from '../config/values/address.ts';
import type { Discovery } from '../discovery/discovery.ts';
import { DnsDiscovery } from '../discovery/dns.ts';
import { KubernetesDiscovery } from '../discovery/kubernetes/kubernetes.ts';
import { StaticDiscovery } from '../discovery/static.ts';
import { messageOf, UserError } from '../errors.ts';
import { type Actor, Group } from '../lifecycle/group.ts';
import { type Admin, startAdmin } from '../ops/admin.ts';
import { watchDescriptors } from '../ops/descriptors.ts';
import { readyHealth, startupHealth } from '../ops/health.ts';
import { type Log, logEvents } from '../ops/log/log.ts';
import { createMetrics, type Metrics } from '../ops/metrics/metrics.ts';
import { renderStatus, type SidecarStatus } from '../ops/status-page.ts';
import type { Cause, Outcome, ProxyEvent } from '../proxy/events.ts';
import { drain, leave } from './drain.ts';
import { type Prepared, Routes } from './routes.ts';

export interface Versions {
  lazypirate: string;
  node: string;
  zeromq: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The source of configuration changes. */
export interface ConfigChanges {
  /**
   * Runs until the signal aborts.
   *
   * @param reload called for each change, with a function that reads the configuration or throws `ConfigError`
   */
  run(reload: (load: () => Config) => Promise<void>, signal: AbortSignal): Promise<void>;
}

/** Builds the parts from a configuration and runs them. */
export class Sidecar {
  #config: Config;
  readonly #log: Log;
  readonly #versions: Versions;
  readonly #startedMs = performance.now();
  readonly #metrics: Metrics;
  readonly #routes: Routes;
  #admin: Admin | undefined;
  #isDraining = false;
  #refusedReload: SidecarStatus['refusedReload'];
  #answered = 0;
  #failed = 0;

  constructor(config: Config, log: Log, versions: Versions, env: Environment) {
    this.#config = config;
    this.#log = log;
    this.#versions = versions;
    this.#metrics = createMetrics({
      routes: () => this.#statuses(),
      version: versions.lazypirate,
      nodeVersion: versions.node,
      zeromqVersion: versions.zeromq,
    });
    const now = () => performance.now();
    const sample = () => this.#config.log.sample;
    const logged = logEvents(log, { sample, random: Math.random, now });
    const emit = (event: ProxyEvent) => {
      try {
        this.#metrics.record(event);
        logged(event);
      } catch (error) {
        // A bug in logs or metrics must not affect the request.
        log.error({ err: error, event: event.kind }, 'internal error');
      }
      if (event.kind === 'settled') this.#settled(event);
    };
    const self = env['POD_NAME'] || env['HOSTNAME'] || '';
    const zone = env['LAZYPIRATE_ZONE'] || undefined;
    this.#routes = new Routes({ emit, self, discoveryOf: ({ upstream }) => discoveryOf(upstream, zone) });
  }

  /** How long a drain may take. */
  get drainTimeoutMs(): number {
    return this.#config.drain.timeoutMs;
  }

  /**
   * Serves until `stop` aborts, then drains.
   *
   * @param changes reports configuration changes until it is stopped
   * @throws {StartError} if a listener cannot be bound, or if there are no descriptors for a long time
   */
  async run(stop: AbortSignal, changes?: ConfigChanges): Promise<void> {
    const { node, zeromq } = this.#versions;
    const { routes, admin } = this.#config;
    try {
      await this.#routes.bind(routes);
      this.#admin = await this.#startAdmin(admin);
      this.#log.info({ node, zeromq, routes: routes.length }, 'started');
      this.#warn();
      const group = new Group<void>();
      group.add({
        name: 'routes',
        execute: () => this.#routes.run(),
        interrupt: () => void this.#routes.close(),
      });
      group.add(this.#drainActor(stop));
      group.add(this.#descriptorActor());
      if (changes !== undefined) group.add(this.#reloadActor(changes));
      await group.run();
    } finally {
      await Promise.all([this.#routes.close(), this.#admin?.close()]);
    }
  }

  #warn(): void {
    for (const why of this.#config.warnings) this.#log.warn({ why }, 'configuration');
  }

  #settled({ outcome, cause }: { outcome: Outcome; cause: Cause }): void {
    if (outcome === 'ok') this.#answered++;
    // A reply whose app had left counts as neither.
    else if (cause !== 'ok') this.#failed++;
  }

  async #startAdmin({ host, port }: Config['admin']): Promise<Admin> {
    const admin = await startAdmin({
      host,
      port,
      metrics: this.#metrics,
      startup: () => startupHealth(this.#statuses()),
      ready: () => readyHealth(this.#config.admin.readiness, this.#isDraining, this.#statuses()),
      status: () =>
        renderStatus({
          version: this.#versions.lazypirate,
          uptimeMs: performance.now() - this.#startedMs,
          isDraining: this.#isDraining,
          refusedReload: this.#refusedReload,
          routes: this.#statuses(),
        }),
    });
    this.#log.info({ address: admin.address }, 'admin listening');
    return admin;
  }

  #descriptorActor(): Actor<void> {
    const interrupt = new AbortController();
    return {
      name: 'descriptors',
      interrupt: () => interrupt.abort(),
      execute: () => watchDescriptors({ log: this.#log }, interrupt.signal),
    };
  }

  #reloadActor(changes: ConfigChanges): Actor<void> {
    const interrupt = new AbortController();
    return {
      name: 'reload',
      interrupt: () => interrupt.abort(),
      execute: () => changes.run((load) => this.#reload(load), interrupt.signal),
    };
  }

  /** Applies another configuration, or leaves everything as it is. */
  async #reload(load: () => Config): Promise<void> {
    if (this.#isDraining) return;
    let config: Config;
    try {
      config = load();
    } catch (error) {
      return this.#refuse(error);
    }
    try {
      const before = this.#config;
      const { routes, admin } = await this.#prepare(before, config);
      if (this.#isDraining) {
        if (this.#admin === undefined) this.#admin = admin;
        else if (admin !== this.#admin) await admin?.close();
        return await routes.abandon();
      }
      this.#config = config;
      this.#log.level = config.log.level;
      const changes = routes.commit();
      if (admin !== this.#admin) await this.#admin?.close();
      this.#admin = admin;
      this.#refusedReload = undefined;
      this.#metrics.reload('success');
      this.#log.info({ ...changes, settings: otherChanges(before, config) }, 'reload applied');
      this.#warn();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.#refuse(error);
    }
  }

  /**
   * Binds what is new. Where the admin page itself is in the way, it goes first, and comes back if something cannot be had.
   *
   * @throws {StartError}
   */
  async #prepare(before: Config, after: Config): Promise<{ routes: Prepared; admin: Admin | undefined }> {
    const [old, wanted] = [listenOf(before.admin), listenOf(after.admin)];
    const isInTheWay =
      old !== wanted &&
      [wanted, ...after.routes.map(({ listener }) => listener.listen)].some((one) => isTaken(one, old));
    if (isInTheWay) {
      await this.#admin?.close();
      this.#admin = undefined;
    }
    let routes: Prepared | undefined;
    try {
      routes = await this.#routes.prepare(after);
      return { routes, admin: old === wanted ? this.#admin : await this.#startAdmin(after.admin) };
    } catch (error) {
      await routes?.abandon();
      if (isInTheWay) this.#admin = await this.#startAdmin(before.admin);
      throw error;
    }
  }

  /** Refuses a change. Even an unexpected error while reading the file must not affect requests. */
  #refuse(error: unknown): void {
    this.#metrics.reload('failure');
    const problems = error instanceof UserError ? error.lines : [`internal error: ${messageOf(error)}`];
    this.#refusedReload = { at: new Date(), problems };
    if (error instanceof UserError) this.#log.error({ problems }, 'reload refused');
    else this.#log.error({ err: error }, 'internal error');
  }

  /** Waits for the signal to stop, then until the app is quiet or the time is up. */
  #drainActor(stop: AbortSignal): Actor<void> {
    const interrupt = new AbortController();
    const ending = AbortSignal.any([stop, interrupt.signal]);
    return {
      name: 'drain',
      interrupt: () => interrupt.abort(),
      execute: async () => {
        await aborted(ending);
        if (!interrupt.signal.aborted) await this.#drain(String(stop.reason));
      },
    };
  }

  /**
   * Keeps serving until nothing is in flight and nothing has arrived for a while, then refuses new requests, and cuts what is left
   * when the time is up. See `drain`.
   */
  async #drain(why: string): Promise<void> {
    const sinceMs = performance.now();
    this.#isDraining = true;
    const [answered, failed] = [this.#answered, this.#failed];
    this.#log.info({ why, inFlight: this.#undecided() }, 'draining');
    await drain(this.#routes.all, this.#config.drain, {
      refusing: () => this.#log.info({ inFlight: this.#undecided() }, 'new requests are refused'),
    });
    const cut = this.#undecided();
    await leave(this.#routes.all);
    const counts = { answered: this.#answered - answered, failed: this.#failed - failed, cut };
    this.#log.info({ ...counts, elapsedMs: Math.round(performance.now() - sinceMs) }, 'drained');
  }

  /** Requests whose outcome is still open. A refusal that waits for its turn is decided. */
  #undecided(): number {
    return this.#statuses().reduce((sum, { queued, inFlight }) => sum + queued + inFlight, 0);
  }

  #statuses() {
    return this.#routes.all.map((route) => route.status());
  }
}

function discoveryOf(upstream: UpstreamConfig, zone: string | undefined): Discovery {
  switch (upstream.kind) {
    case 'static':
      return new StaticDiscovery(upstream.endpoints);
    case 'dns':
      return new DnsDiscovery(upstream);
    case 'kubernetes':
      return new KubernetesDiscovery(upstream, zone);
  }
}

/** The settings other than routes that have changed. */
function otherChanges(before: Config, after: Config): string[] {
  return (['admin', 'log', 'drain'] as const).filter(
    (key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]),
  );
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
