import { messageOf } from '../../errors.ts';
import { pause } from '../../lifecycle/pause.ts';
import type { DiscoveryFailure, DiscoveryOwner, DiscoveryTrouble } from '../discovery.ts';

/** Minimum time between two lists, and between two watches. */
const PACE_MS = 1_000;
const BACKOFF_BASE_MS = 800;
const BACKOFF_MAX_MS = 30_000;
/** After a refusal (401, 403), asking again soon does not help. */
const FORBIDDEN_MS = 5_000;
/**
 * After this long without a failure, the backoff starts again. Two failures in a row are much closer together: only a pause, a
 * list and the start of a watch.
 */
const HEALTHY_MS = 120_000;
/** Far more than a namespace holds. */
const PAGES_MOST = 200;
/** A watch can miss changes, so the list is read again from time to time. */
const RELIST_MS = 300_000;
/** Changes that come close together (a rollout, a node that fails) are reported together, */
const TOGETHER_MS = 5;
/** and if there are so many endpoints that reporting is slow, it may take only one part in this many of the time. */
const REPORTING_SHARE = 20;

type FailureDetails = Pick<ApiFailure, 'source' | 'isRefused' | 'retryAfterMs'>;

/** The server refused, or could not answer. */
export class ApiFailure extends Error {
  /** `expired`: the server no longer has this version (410), or does not tell what follows it, so a new list is needed. */
  readonly reason: DiscoveryFailure | 'expired';
  readonly source: DiscoveryTrouble['source'];
  readonly isRefused: boolean;
  readonly retryAfterMs: number;

  constructor(reason: ApiFailure['reason'], message: string, more: Partial<FailureDetails> = {}) {
    super(message);
    const { source = 'api_server', isRefused = false, retryAfterMs = 0 } = more;
    this.reason = reason;
    this.source = source;
    this.isRefused = isRefused;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A selection of objects of one kind at the API server. */
export interface ApiResource {
  /**
   * Reads one page of the list.
   *
   * @param next the token from the previous page
   * @throws {ApiFailure}
   */
  list(next: string | undefined, signal: AbortSignal): Promise<ApiPage>;
  /**
   * Reports each event until the server ends the stream, as it does every few minutes.
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
 * Keeps a copy of some objects of the API server: it lists them, watches them from there on, and starts again if that fails. It
 * reads at most one list a second. The copy does not change until a list is complete.
 */
export class Watcher<T> {
  readonly #resource: ApiResource;
  readonly #extract: (object: object) => T;
  readonly #owner: Pick<DiscoveryOwner, 'confirmed' | 'failed'>;
  readonly #changed: (objects: Iterable<T>) => number | undefined;
  #objects = new Map<string, T>();
  #version = '';
  #reporting: NodeJS.Timeout | undefined;
  #again: NodeJS.Timeout | undefined;
  #togetherMs = TOGETHER_MS;
  #failures = 0;
  #failedMs = Number.NEGATIVE_INFINITY;

  /**
   * @param extract takes the part of an object to keep
   * @param changed called with everything that is kept when it may have changed; may return after how many ms to call it again
   */
  constructor(
    resource: ApiResource,
    extract: (object: object) => T,
    owner: Pick<DiscoveryOwner, 'confirmed' | 'failed'>,
    changed: (objects: Iterable<T>) => number | undefined,
  ) {
    this.#resource = resource;
    this.#extract = extract;
    this.#owner = owner;
    this.#changed = changed;
  }

  /** Runs until the signal aborts. */
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
    clearTimeout(this.#reporting);
    clearTimeout(this.#again);
  }

  async #list(signal: AbortSignal): Promise<void> {
    const objects = new Map<string, T>();
    let page: ApiPage | undefined;
    let pages = 0;
    do {
      if (++pages > PAGES_MOST) throw new ApiFailure('invalid', `its list has more than ${PAGES_MOST} pages`);
      page = await this.#resource.list(page?.next, signal);
      for (const item of page.items) objects.set(nameOf(item), this.#extract(item as object));
    } while (page.next !== undefined);
    signal.throwIfAborted();
    this.#objects = objects;
    this.#version = page.version;
    this.#report();
  }

  /** Watches, and resumes when the stream ends, until it is time for a new list. After a watch that told nothing, it is. */
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
    let hasTold = false;
    const event = (type: string, object: unknown) => {
      if (signal.aborted || failure !== undefined) return;
      hasTold = true;
      try {
        this.#apply(type, object);
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
    // Nor was there a bookmark: perhaps something between here and the server holds everything back.
    if (!hasTold && !signal.aborted) throw new ApiFailure('expired', 'the watch told nothing');
  }

  #apply(type: string, object: unknown): void {
    switch (type) {
      case 'ADDED':
      case 'MODIFIED':
        this.#objects.set(nameOf(object), this.#extract(object as object));
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
    if (type === 'BOOKMARK') this.#owner.confirmed();
    else this.#reporting ??= setTimeout(() => this.#reportOrFail(), this.#togetherMs).unref();
  }

  /** Data that makes no sense must not end the process: the last set stays in use. */
  #reportOrFail(): void {
    try {
      this.#report();
    } catch (error) {
      this.#tell(new ApiFailure('invalid', messageOf(error)));
    }
  }

  #report(): void {
    clearTimeout(this.#reporting);
    clearTimeout(this.#again);
    this.#reporting = undefined;
    const sinceMs = performance.now();
    const againMs = this.#changed(this.#objects.values());
    if (againMs !== undefined) this.#again = setTimeout(() => this.#reportOrFail(), againMs).unref();
    this.#togetherMs = Math.max(TOGETHER_MS, REPORTING_SHARE * (performance.now() - sinceMs));
  }

  #tell({ reason, source, isRefused, message }: ApiFailure): void {
    if (reason !== 'expired') this.#owner.failed({ reason, source, isRefused, message });
  }

  /** @returns how long to wait before the next try */
  #failed(error: unknown): number {
    const failure = error instanceof ApiFailure ? error : new ApiFailure('invalid', messageOf(error));
    const nowMs = performance.now();
    this.#failures = nowMs - this.#failedMs >= HEALTHY_MS ? 1 : this.#failures + 1;
    this.#failedMs = nowMs;
    this.#tell(failure);
    const most = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** (this.#failures - 1));
    const least = failure.reason === 'forbidden' ? FORBIDDEN_MS : failure.retryAfterMs;
    return Math.max(Math.random() * most, Math.min(least, BACKOFF_MAX_MS));
  }
}

/** The failure that a `Status` object of the API describes, from an event or an answer. */
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
      return new ApiFailure('unreachable', `${code}: ${text}`, { retryAfterMs });
    default:
      return typeof code === 'number' && code >= 500
        ? new ApiFailure('unreachable', `${code}: ${text}`, { retryAfterMs })
        : new ApiFailure('invalid', `${code ?? 'no code'}: ${text}`);
  }
}

function metadataOf(object: unknown): { name?: unknown; resourceVersion?: unknown } {
  const metadata = (object as { metadata?: unknown } | null | undefined)?.metadata;
  return typeof metadata === 'object' && metadata !== null ? metadata : {};
}

/** @throws {ApiFailure} if it is not an API object */
function nameOf(object: unknown): string {
  const { name } = metadataOf(object);
  if (typeof name !== 'string') throw new ApiFailure('invalid', 'it sent an object without a name');
  return name;
}

function versionOf(object: unknown): string | undefined {
  const { resourceVersion } = metadataOf(object);
  return typeof resourceVersion === 'string' ? resourceVersion : undefined;
}
