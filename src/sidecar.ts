import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Config, RouteConfig } from './config/config.ts';
import type { Discovery } from './discovery/discovery.ts';
import { StaticDiscovery } from './discovery/static.ts';
import { type Actor, Group } from './lifecycle/group.ts';
import { type Admin, startAdmin } from './ops/admin.ts';
import { readyHealth, startupHealth } from './ops/health.ts';
import { type Log, logEvents } from './ops/log.ts';
import { createMetrics, type Metrics } from './ops/metrics.ts';
import { renderStatus } from './ops/status.ts';
import type { ProxyEvent } from './proxy/events.ts';
import { LINGER_MS } from './proxy/frontend.ts';
import { Route } from './proxy/route.ts';

/** A reply that is older than this is out, or its app does not read. */
const RECENT_MS = 10_000;

export interface Versions {
  lazypirate: string;
  node: string;
  zeromq: string;
}

/** Builds the parts from a configuration and runs them. */
export class Sidecar {
  readonly #config: Config;
  readonly #log: Log;
  readonly #versions: Versions;
  readonly #startedMs = performance.now();
  readonly #metrics: Metrics;
  readonly #routes: readonly Route[];
  #isDraining = false;
  #answered = 0;
  #failed = 0;
  #lastSettledMs = Number.NEGATIVE_INFINITY;

  constructor(config: Config, log: Log, versions: Versions) {
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
    const logged = logEvents(log, { sample: config.log.sample, random: Math.random, now });
    const emit = (event: ProxyEvent) => {
      this.#metrics.record(event);
      logged(event);
      if (event.kind === 'settled') this.#settled(event.outcome === 'ok');
    };
    this.#routes = config.routes.map((route) => new Route(route, discoveryOf(route), emit));
  }

  /**
   * Serves until `stop` aborts, then drains.
   *
   * @throws {StartError} where a listener cannot be had
   */
  async run(stop: AbortSignal): Promise<void> {
    const { node, zeromq } = this.#versions;
    let admin: Admin | undefined;
    try {
      for (const route of this.#routes) await route.bind();
      admin = await this.#startAdmin();
      this.#log.info({ node, zeromq, routes: this.#routes.length }, 'started');
      const group = new Group<void>();
      for (const route of this.#routes) group.add(routeActor(route));
      group.add(this.#drainActor(stop));
      await group.run();
    } finally {
      for (const route of this.#routes) route.close();
      await admin?.close();
      await this.#linger();
    }
  }

  /**
   * Stays until the last replies are out. They lie in memory that Node frees when it ends, while libzmq may still be sending
   * them: it would find nothing there (EFAULT) and abort the process.
   */
  async #linger(): Promise<void> {
    if (performance.now() - this.#lastSettledMs < RECENT_MS) await setTimeout(LINGER_MS + 100);
  }

  #settled(isAnswered: boolean): void {
    this.#lastSettledMs = performance.now();
    if (isAnswered) this.#answered++;
    else this.#failed++;
  }

  async #startAdmin(): Promise<Admin> {
    const { host, port, readiness } = this.#config.admin;
    const admin = await startAdmin({
      host,
      port,
      metrics: this.#metrics,
      startup: () => startupHealth(this.#statuses()),
      ready: () => readyHealth(readiness, this.#isDraining, this.#statuses()),
      status: () =>
        renderStatus({
          version: this.#versions.lazypirate,
          uptimeMs: performance.now() - this.#startedMs,
          isDraining: this.#isDraining,
          routes: this.#statuses(),
        }),
    });
    this.#log.info({ address: admin.address }, 'admin listening');
    return admin;
  }

  /** Waits until the sidecar is told to stop, then until the app is quiet or the time is up. */
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
   * Keeps serving until nothing is in flight and nothing has come for a while: beside an app that was told to stop at the same
   * moment, the last requests are still to come. When the time is up, whatever is left gets a failure reply.
   */
  async #drain(why: string): Promise<void> {
    const { timeoutMs, quietMs } = this.#config.drain;
    const sinceMs = performance.now();
    this.#isDraining = true;
    const [answered, failed] = [this.#answered, this.#failed];
    this.#log.info({ why, inFlight: this.#unsettled() }, 'draining');
    for (;;) {
      const nowMs = performance.now();
      const quietForMs = Math.min(...this.#routes.map((route) => route.quietMs(nowMs)));
      const leftMs = sinceMs + timeoutMs - nowMs;
      if (quietForMs >= quietMs || leftMs <= 0) break;
      await setTimeout(Math.max(1, Math.min(quietMs - quietForMs, leftMs)));
    }
    const cut = this.#unsettled();
    for (const route of this.#routes) route.leave();
    // One turn of the event loop, in which the failure replies of those that were cut are handed over.
    await setImmediate();
    const counts = { answered: this.#answered - answered, failed: this.#failed - failed, cut };
    this.#log.info({ ...counts, elapsedMs: Math.round(performance.now() - sinceMs) }, 'drained');
  }

  #unsettled(): number {
    return this.#statuses().reduce((sum, { queued, inFlight }) => sum + queued + inFlight, 0);
  }

  #statuses() {
    return this.#routes.map((route) => route.status());
  }
}

function discoveryOf({ upstream }: RouteConfig): Discovery {
  switch (upstream.kind) {
    case 'static':
      return new StaticDiscovery(upstream.endpoints);
  }
}

function routeActor(route: Route): Actor<void> {
  return { name: `route ${route.settings.name}`, execute: () => route.run(), interrupt: () => route.close() };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
