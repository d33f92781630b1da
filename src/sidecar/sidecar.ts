import type { Config, HostPort } from '../config/config.ts';
import { lookupUntil } from '../discovery/name-lookup.ts';
import { type Actor, runGroup } from '../lifecycle/group.ts';
import { untilAborted } from '../lifecycle/pause.ts';
import { openClusterDoor } from '../ops/admin/cluster-door.ts';
import type { Door } from '../ops/admin/door.ts';
import { openInspectDoor } from '../ops/admin/inspect-door.ts';
import { DebugFiles } from '../ops/debug-files.ts';
import { watchDescriptors } from '../ops/descriptors.ts';
import { readyHealth, startupHealth } from '../ops/health.ts';
import { History } from '../ops/history.ts';
import { logEvents } from '../ops/log/event-log.ts';
import type { Log } from '../ops/log/log.ts';
import { LogControl } from '../ops/log/log-control.ts';
import { createMetrics, type Metrics } from '../ops/metrics/metrics.ts';
import { ProcessFigures } from '../ops/process-figures.ts';
import { Recent } from '../ops/recent.ts';
import { Refusals } from '../ops/refused-clients.ts';
import { Taps } from '../ops/tap/taps.ts';
import { Tracing } from '../ops/tracing/tracing.ts';
import { Events, type ObservedRequest } from '../proxy/events.ts';
import { type DoorName, Doors } from './doors.ts';
import { drain, leave } from './drain.ts';
import { discoveryOf } from './implementations.ts';
import { type Pages, pagesOf } from './pages.ts';
import { Reload } from './reload.ts';
import { Routes } from './routes.ts';

export interface Versions {
  lazypirate: string;
  node: string;
  zeromq: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reports changes of the configuration. */
interface ConfigChanges {
  /**
   * Runs until the signal aborts.
   *
   * @param reload called for each change, with a function that reads the configuration or throws `ConfigError`
   */
  run(reload: (readConfig: () => Config) => Promise<void>, signal: AbortSignal): Promise<void>;
}

/** How long the last spans may take to go out: at most what is left of the drain, but for a moment. */
const FLUSH_MOST_MS = 3_000;
const FLUSH_LEAST_MS = 500;

/** Builds the parts from a configuration and runs them. */
export class Sidecar {
  readonly #log: Log;
  readonly #logControl: LogControl;
  readonly #versions: Versions;
  readonly #env: Environment;
  readonly #startedAt = new Date();
  readonly #startedMs = performance.now();
  readonly #metrics: Metrics;
  readonly #recent: Recent;
  readonly #process = new ProcessFigures();
  readonly #refusals = new Refusals(() => this.#routes.all.map(({ name }) => name));
  readonly #history: History;
  readonly #taps: Taps;
  readonly #routes: Routes;
  readonly #tracing: Tracing;
  readonly #doors = new Doors((name, at) => this.#openDoor(name, at));
  readonly #pages: Pages;
  readonly #reload: Reload;
  #isDraining = false;
  /** When the drain must be over. */
  #drainedByMs = Number.NEGATIVE_INFINITY;
  #answered = 0;
  #failed = 0;

  constructor(config: Config, log: Log, versions: Versions, env: Environment) {
    this.#log = log;
    this.#logControl = new LogControl(log, config.log);
    this.#versions = versions;
    this.#env = env;
    this.#metrics = createMetrics({
      routes: () => this.#statuses(),
      configHash: () => this.#reload.config.shown.hash,
      version: versions.lazypirate,
      nodeVersion: versions.node,
      zeromqVersion: versions.zeromq,
    });
    this.#recent = new Recent({
      routes: () => this.#statuses(),
      counts: (route) => this.#metrics.counts(route),
      bounds: this.#metrics.durationBounds,
      now: () => performance.now(),
    });
    this.#history = new History({
      slowMs: () => this.#logControl.inForce.slowMs,
      routes: () => this.#routes.all.map(({ name }) => name),
    });
    const self = env['POD_NAME'] || env['HOSTNAME'] || '';
    const zone = env['LAZYPIRATE_ZONE'] || undefined;
    const events = this.#observedEvents();
    this.#taps = new Taps({
      events,
      routes: () => this.#routes.all.map(({ name }) => name),
      bodyBytes: () => this.#reload.config.admin.tapBodies,
    });
    this.#tracing = new Tracing({
      events,
      log,
      counts: this.#metrics.spans,
      exported: (traced) => this.#metrics.showTrace(traced),
      slowMs: () => this.#logControl.inForce.slowMs,
      lookup: lookupUntil,
      version: versions.lazypirate,
      resource: resourceOf(env),
    });
    this.#routes = new Routes({
      events,
      self,
      discoveryOf: (settings) => discoveryOf(settings, zone),
    });
    this.#reload = new Reload(config, {
      routes: this.#routes,
      log,
      logControl: this.#logControl,
      metrics: this.#metrics,
      tracing: this.#tracing,
      doors: this.#doors,
    });
    this.#pages = this.#makePages();
  }

  /** How long a drain may take. */
  get drainTimeoutMs(): number {
    return this.#reload.config.drain.timeoutMs;
  }

  /** Logs at debug for a while or, if it does so already, as configured again. */
  toggleDebug(by: string): void {
    this.#logControl.toggleDebug(by);
  }

  /**
   * Serves until `stop` aborts, then drains.
   *
   * @param changes reports configuration changes until it is stopped
   * @throws {StartError} if a listener cannot be bound, or if there are no descriptors for a long time
   */
  async run(stop: AbortSignal, changes?: ConfigChanges): Promise<void> {
    const { node, zeromq } = this.#versions;
    try {
      await this.#reload.start();
      this.#log.info({ node, zeromq, routes: this.#routes.all.length }, 'started');
      this.#reload.warn();
      const actors: Actor<void>[] = [
        (ended) => this.#routes.run(ended),
        (ended) => this.#drainAfter(stop, ended),
        (ended) => watchDescriptors({ log: this.#log }, ended),
        (ended) => this.#recent.run(ended),
        (ended) => this.#process.run(ended),
      ];
      if (changes !== undefined)
        actors.push((ended) => changes.run((readConfig) => this.#reload.reload(readConfig), ended));
      await runGroup(actors);
    } finally {
      const leftMs = this.#drainedByMs - performance.now();
      const flushMs = Math.max(FLUSH_LEAST_MS, Math.min(FLUSH_MOST_MS, leftMs));
      const closeDoors = () => this.#reload.close();
      await Promise.all([
        this.#routes.close(),
        this.#taps.close().then(closeDoors),
        this.#tracing.close(flushMs),
      ]);
    }
  }

  /** The events of the data path, for the metrics, the log and the counts of the drain. */
  #observedEvents(): Events {
    const log = this.#log;
    // A bug in an observer must not affect the request.
    const events = new Events((error, event) => log.error({ err: error, event }, 'internal error'));
    this.#metrics.observe(events);
    this.#refusals.observe(events);
    this.#history.observe(events);
    logEvents(log, events, {
      sample: () => this.#logControl.inForce.sample,
      slowMs: () => this.#logControl.inForce.slowMs,
      random: Math.random,
      now: () => performance.now(),
    });
    events.on('settled', (request) => this.#settled(request));
    return events;
  }

  #settled({ outcome, cause }: ObservedRequest): void {
    if (outcome === 'ok') this.#answered++;
    // A reply whose app had left counts as neither.
    else if (cause !== 'ok') this.#failed++;
  }

  #makePages(): Pages {
    return pagesOf({
      taps: this.#taps,
      metrics: this.#metrics,
      startup: () => startupHealth(this.#servingStatuses()),
      ready: () =>
        readyHealth(this.#reload.config.admin.readiness, this.#isDraining, this.#servingStatuses()),
      history: this.#history,
      logControl: this.#logControl,
      debug: new DebugFiles({ log: this.#log, directory: () => this.#reload.config.admin.debugDirectory }),
      config: () => this.#reload.config.shown,
      configSince: () => this.#reload.since,
      status: () => ({
        at: new Date(),
        version: this.#versions.lazypirate,
        pod: this.#env['POD_NAME'] || undefined,
        namespace: this.#env['POD_NAMESPACE'] || undefined,
        startedAt: this.#startedAt,
        uptimeMs: performance.now() - this.#startedMs,
        isDraining: this.#isDraining,
        config: this.#reload.config.shown,
        configSince: this.#reload.since,
        log: this.#logControl.state,
        refusedReload: this.#reload.refused,
        process: this.#process.status(),
        figuresOf: (route) => this.#recent.of(route),
        refusedClientsOf: (route) => this.#refusals.of(route),
        routes: this.#statuses(),
      }),
    });
  }

  async #openDoor(name: DoorName, at: HostPort): Promise<Door> {
    const { cluster, inspect } = this.#pages;
    if (name === 'inspect') {
      const door = await openInspectDoor(at, [...inspect, ...cluster]);
      this.#log.info({ address: door.address }, 'inspect listening');
      return door;
    }
    const elsewhere = { pages: inspect, address: () => this.#doors.address('inspect') };
    const door = await openClusterDoor(at, cluster, elsewhere);
    this.#log.info({ address: door.address }, 'admin listening');
    return door;
  }

  /** Waits for the signal to stop, then until the app is quiet or the time is up. */
  async #drainAfter(stop: AbortSignal, ended: AbortSignal): Promise<void> {
    await untilAborted(AbortSignal.any([stop, ended]));
    if (!ended.aborted) await this.#drain(String(stop.reason));
  }

  /**
   * Keeps serving until nothing is in flight and nothing has arrived for a while, then refuses new requests, and cuts what is left
   * when the time is up. See `drain`.
   */
  async #drain(why: string): Promise<void> {
    const sinceMs = performance.now();
    this.#isDraining = true;
    this.#drainedByMs = sinceMs + this.drainTimeoutMs;
    this.#reload.stop();
    const [answered, failed] = [this.#answered, this.#failed];
    this.#log.info({ why, inFlight: this.#undecided() }, 'draining');
    await drain(this.#routes.all, this.#reload.config.drain, {
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

  /** Routes that a reload has removed may finish without a listener and without endpoints: the pod is no less ready for that. */
  #servingStatuses() {
    return this.#routes.serving.map((route) => route.status());
  }
}

/** What the downward API tells of this pod, in the words of OpenTelemetry. */
function resourceOf(env: Environment): Record<string, string> {
  const { POD_NAME: pod, POD_NAMESPACE: namespace } = env;
  return {
    ...(pod && { 'service.instance.id': pod, 'k8s.pod.name': pod }),
    ...(namespace && { 'k8s.namespace.name': namespace }),
  };
}
