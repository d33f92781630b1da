import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/config.ts';
import { messageOf, UserError } from '../errors.ts';
import type { Log } from '../ops/log/log.ts';
import type { LogControl } from '../ops/log/log-control.ts';
import type { Metrics } from '../ops/metrics/metrics.ts';
import type { SidecarStatus } from '../ops/status-page.ts';
import type { Tracing } from '../ops/tracing/tracing.ts';
import type { Doors, DoorsChange } from './doors.ts';
import type { PreparedRoutes, Routes } from './routes.ts';

/** What a reload acts on. */
interface ReloadParts {
  routes: Pick<Routes, 'bind' | 'prepare'>;
  log: Log;
  logControl: Pick<LogControl, 'configure'>;
  metrics: Pick<Metrics, 'reload' | 'showEndpoints'>;
  tracing: Pick<Tracing, 'apply'>;
  doors: Pick<Doors, 'open' | 'change' | 'close'>;
}

/** Holds the configuration in force and puts another one in its place: all of it, or nothing. */
export class Reload {
  #config: Config;
  readonly #parts: ReloadParts;
  #since = new Date();
  #refused: SidecarStatus['refusedReload'];
  #isStopped = false;

  constructor(config: Config, parts: ReloadParts) {
    this.#config = config;
    this.#parts = parts;
  }

  /** The configuration in force. */
  get config(): Config {
    return this.#config;
  }

  /** Since when it is in force. */
  get since(): Date {
    return this.#since;
  }

  /** The newest change, if it was refused. */
  get refused(): SidecarStatus['refusedReload'] {
    return this.#refused;
  }

  /**
   * Puts the first configuration in force.
   *
   * @throws {StartError} if a listener cannot be bound
   */
  async start(): Promise<void> {
    const { routes, metrics, doors, tracing } = this.#parts;
    metrics.showEndpoints(this.#config.metrics.perEndpoint);
    // The first requests may come as soon as it listens.
    await tracing.apply(this.#config.tracing);
    await routes.bind(this.#config.routes);
    await doors.open(this.#config.admin);
  }

  /** Logs the warnings of the configuration in force. */
  warn(): void {
    for (const why of this.#config.warnings) this.#parts.log.warn({ why }, 'configuration');
  }

  /** From now on nothing is changed. */
  stop(): void {
    this.#isStopped = true;
  }

  async close(): Promise<void> {
    await this.#parts.doors.close();
  }

  /**
   * Applies another configuration, or leaves everything as it is.
   *
   * @param readConfig reads it, or throws `ConfigError`
   */
  async reload(readConfig: () => Config): Promise<void> {
    if (this.#isStopped) return;
    let config: Config;
    try {
      config = readConfig();
    } catch (error) {
      return this.#refuse(error);
    }
    try {
      await this.#apply(config);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.#refuse(error);
    }
  }

  /** @throws {StartError} if it cannot be applied; then everything is as before */
  async #apply(config: Config): Promise<void> {
    const { log, logControl, metrics, tracing } = this.#parts;
    const before = this.#config;
    const { routes, doors } = await this.#prepare(before, config);
    if (this.#isStopped) return await abandon(doors, routes);
    this.#config = config;
    this.#since = new Date();
    logControl.configure(config.log);
    metrics.showEndpoints(config.metrics.perEndpoint);
    const changes = routes.commit();
    await doors.commit();
    this.#refused = undefined;
    metrics.reload('success');
    const settings = otherChanges(before, config);
    log.info({ ...changes, settings }, 'reload applied');
    this.warn();
    if (settings.includes('tracing')) await tracing.apply(config.tracing);
  }

  /**
   * Binds what is new. An admin door that is in the way goes first, and comes back if something cannot be had.
   *
   * @throws {StartError}
   */
  async #prepare(before: Config, after: Config): Promise<{ routes: PreparedRoutes; doors: DoorsChange }> {
    const listeners = after.routes.map(({ listener }) => listener.listen);
    const doors = await this.#parts.doors.change(before.admin, after.admin, listeners);
    let routes: PreparedRoutes | undefined;
    try {
      routes = await this.#parts.routes.prepare(after);
      await doors.open();
      return { routes, doors };
    } catch (error) {
      await abandon(doors, routes);
      throw error;
    }
  }

  /** Refuses a change. Even an unexpected error while reading the file must not affect requests. */
  #refuse(error: unknown): void {
    const { log, metrics } = this.#parts;
    metrics.reload('failure');
    const problems = error instanceof UserError ? error.lines : [`internal error: ${messageOf(error)}`];
    this.#refused = { at: new Date(), problems };
    if (error instanceof UserError) log.error({ problems }, 'reload refused');
    else log.error({ err: error }, 'internal error');
  }
}

/** The listeners first, because they may be where a door has to come back. Whether they can or not, the doors do. */
async function abandon(doors: DoorsChange, routes: PreparedRoutes | undefined): Promise<void> {
  try {
    await routes?.abandon();
  } finally {
    await doors.abandon();
  }
}

/** The sections that have changed, other than routes. */
function otherChanges({ routes: _, warnings: __, shown: ___, ...before }: Config, after: Config): string[] {
  const sections = Object.keys(before) as (keyof typeof before)[];
  return sections.filter((section) => !isDeepStrictEqual(before[section], after[section]));
}
