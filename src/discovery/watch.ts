import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import type { DiscoveryFailure, DiscoveryListener } from './discovery.ts';

/** Least time between two lists, and between two watches. */
const PACE_MS = 1_000;
const BACKOFF_BASE_MS = 800;
const BACKOFF_MAX_MS = 30_000;
/** Where it is refused (401, 403), asking again soon helps nobody. */
const FORBIDDEN_MS = 5_000;
/**
 * After so long without a failure the next one is the first again. Between two failures in a row it is far less: a pause, a list
 * and the opening of a watch.
 */
const HEALTHY_MS = 120_000;
/** Far more than a namespace holds. */
const PAGES_MOST = 200;
/** A watch can miss things; now and then the list is read anew. */
const RELIST_MS = 300_000;
/** Changes that come together (a rollout, a node that goes) are told together, */
const TOGETHER_MS = 5;
/** and where there are so many endpoints that telling takes its time, it takes one part in so many of it. */
const TELLING_SHARE = 20;

/** The server would not, or could not, tell. */
export class ApiFailure extends Error {
  /** `expired`: it has forgotten the version asked for (410), which only asks for a new list. */
  readonly reason: DiscoveryFailure | 'expired';
  readonly retryAfterMs: number;

  constructor(reason: DiscoveryFailure | 'expired', message: string, retryAfterMs = 0) {
    super(message);
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** One kind of object of the API server, some of them selected. */
export interface ApiResource {
  /**
   * A page of the list.
   *
   * @param next what the page before gave for it
   * @throws {ApiFailure}
   */
  list(next: string | undefined, signal: AbortSignal): Promise<ApiPage>;
  /**
   * Tells each event, until the server ends the stream, as it does every few minutes.
   *
   * @param event must not throw
   * @throws {ApiFailure}
   */
  watch(version: string, event: (type: string, object: unknown) => void, signal: AbortSignal): Promise<void>;
}

export interface ApiPage {
  items: readonly unknown[];
  version: string;
  next: string | undefined;
}

/**
 * Keeps a copy of some objects of the API server: lists them, watches from there on, and begins again whenever that fails.
 * No more than one list a second; the copy stays as it was until a list is complete.
 */
export class Watcher<T> {
  readonly #resource: ApiResource;
  readonly #keep: (object: object) => T;
  readonly #listener: Pick<DiscoveryListener, 'confirmed' | 'failed'>;
  readonly #changed: (objects: Iterable<T>) => number | undefined;
  #objects = new Map<string, T>();
  #version = '';
  #telling: NodeJS.Timeout | undefined;
  #again: NodeJS.Timeout | undefined;
  #togetherMs = TOGETHER_MS;
  #failures = 0;
  #failedMs = Number.NEGATIVE_INFINITY;

  /**
   * @param keep what is kept of an object
   * @param changed gets all that is kept, whenever it may have changed; it may return after how many milliseconds it wants it again
   */
  constructor(
    resource: ApiResource,
    keep: (object: object) => T,
    listener: Pick<DiscoveryListener, 'confirmed' | 'failed'>,
    changed: (objects: Iterable<T>) => number | undefined,
  ) {
    this.#resource = resource;
    this.#keep = keep;
    this.#listener = listener;
    this.#changed = changed;
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const paced = pause(PACE_MS, signal);
      try {
        await this.#list(signal);
        await this.#watchOn(signal);
      } catch (error) {
        if (!signal.aborted) await pause(this.#failed(error), signal);
      }
      await paced;
    }
    clearTimeout(this.#telling);
    clearTimeout(this.#again);
  }

  async #list(signal: AbortSignal): Promise<void> {
    const objects = new Map<string, T>();
    let page: ApiPage | undefined;
    let pages = 0;
    do {
      if (++pages > PAGES_MOST)
        throw new ApiFailure('invalid', `its list has no end after ${PAGES_MOST} pages`);
      page = await this.#resource.list(page?.next, signal);
      for (const item of page.items) objects.set(nameOf(item), this.#keep(item as object));
    } while (page.next !== undefined);
    signal.throwIfAborted();
    this.#objects = objects;
    this.#version = page.version;
    this.#tell();
  }

  /** Watches, and resumes where the stream has ended, until it is time for a new list. */
  async #watchOn(signal: AbortSignal): Promise<void> {
    const relistMs = performance.now() + RELIST_MS * (1 + Math.random());
    while (!signal.aborted && performance.now() < relistMs) {
      const paced = pause(PACE_MS, signal);
      await this.#watch(signal);
      await paced;
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const broken = new AbortController();
    let failure: unknown;
    const event = (type: string, object: unknown) => {
      if (signal.aborted || failure !== undefined) return;
      try {
        this.#take(type, object);
      } catch (error) {
        failure = error;
        broken.abort();
      }
    };
    try {
      await this.#resource.watch(this.#version, event, AbortSignal.any([signal, broken.signal]));
    } catch (error) {
      failure ??= error;
    }
    if (failure !== undefined) throw failure;
  }

  #take(type: string, object: unknown): void {
    switch (type) {
      case 'ADDED':
      case 'MODIFIED':
        this.#objects.set(nameOf(object), this.#keep(object as object));
        break;
      case 'DELETED':
        this.#objects.delete(nameOf(object));
        break;
      case 'BOOKMARK':
        break;
      case 'ERROR':
        throw statusFailure(object);
      default:
        throw new ApiFailure('invalid', `it sent an event of the unknown type ${JSON.stringify(type)}`);
    }
    this.#version = versionOf(object) ?? this.#version;
    if (type === 'BOOKMARK') this.#listener.confirmed();
    else this.#telling ??= setTimeout(() => this.#tellOrFail(), this.#togetherMs).unref();
  }

  /** What makes no sense must not end the process: the set told last stays. */
  #tellOrFail(): void {
    try {
      this.#tell();
    } catch (error) {
      this.#listener.failed('invalid', messageOf(error));
    }
  }

  #tell(): void {
    clearTimeout(this.#telling);
    clearTimeout(this.#again);
    this.#telling = undefined;
    const sinceMs = performance.now();
    const againMs = this.#changed(this.#objects.values());
    if (againMs !== undefined) this.#again = setTimeout(() => this.#tellOrFail(), againMs).unref();
    this.#togetherMs = Math.max(TOGETHER_MS, TELLING_SHARE * (performance.now() - sinceMs));
  }

  /** @returns how long to wait before the next try */
  #failed(error: unknown): number {
    const failure = error instanceof ApiFailure ? error : new ApiFailure('invalid', messageOf(error));
    const nowMs = performance.now();
    this.#failures = nowMs - this.#failedMs >= HEALTHY_MS ? 1 : this.#failures + 1;
    this.#failedMs = nowMs;
    if (failure.reason !== 'expired') this.#listener.failed(failure.reason, failure.message);
    const most = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** (this.#failures - 1));
    const least = failure.reason === 'forbidden' ? FORBIDDEN_MS : failure.retryAfterMs;
    return Math.max(Math.random() * most, Math.min(least, BACKOFF_MAX_MS));
  }
}

/** What a `Status` object of the API, as an event or as the answer to a request, says. */
export function statusFailure(status: unknown, retryAfterMs = 0): ApiFailure {
  const { code, message } = (status ?? {}) as { code?: unknown; message?: unknown };
  const text = typeof message === 'string' && message !== '' ? message.slice(0, 300) : 'it gave no reason';
  switch (code) {
    case 401:
    case 403:
      return new ApiFailure('forbidden', `${code}: ${text}`);
    case 404:
      return new ApiFailure('not_found', `${code}: ${text}`);
    case 410:
      return new ApiFailure('expired', `${code}: ${text}`);
    case 429:
      return new ApiFailure('unreachable', `${code}: ${text}`, retryAfterMs);
    default:
      return typeof code === 'number' && code >= 500
        ? new ApiFailure('unreachable', `${code}: ${text}`, retryAfterMs)
        : new ApiFailure('invalid', `${code ?? 'no code'}: ${text}`);
  }
}

function metadataOf(object: unknown): { name?: unknown; resourceVersion?: unknown } {
  const metadata = (object as { metadata?: unknown } | null | undefined)?.metadata;
  return typeof metadata === 'object' && metadata !== null ? metadata : {};
}

/** @throws {ApiFailure} where it is no object of the API */
function nameOf(object: unknown): string {
  const { name } = metadataOf(object);
  if (typeof name !== 'string') throw new ApiFailure('invalid', 'it sent an object without a name');
  return name;
}

function versionOf(object: unknown): string | undefined {
  const { resourceVersion } = metadataOf(object);
  return typeof resourceVersion === 'string' ? resourceVersion : undefined;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
}
