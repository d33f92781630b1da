import { existsSync } from 'node:fs';
import { formatDuration } from '../../duration.ts';
import { codeOf, messageOf } from '../../errors.ts';
import { ApiFailure, type ApiPage, type ApiResource, statusFailure } from './watcher.ts';

type Client = typeof import('./kubernetes-client.ts');
type ApiConfig = InstanceType<Client['ApiConfig']>;

/** How to reach the API server. */
export interface Api {
  client: Client;
  newConfig(): ApiConfig;
}

const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';
const PAGE_ITEMS = 500;
/** Time limit for an answer: a page of a list, or the start of a watch. */
const ANSWER_TIMEOUT_MS = 15_000;
/** How long we ask the server to keep a watch open. */
const WATCH_S = 300;
/** A watch that is silent for this long, without even a bookmark, is restarted. */
const WATCH_SILENCE_MS = 90_000;
/** Most characters of one event. The API server stores at most 1.5 MiB per object. */
const LINE_MOST = 8 * 1_024 * 1_024;

/** One kind of object, and how to ask for it. */
interface Listing {
  /** The group and version, as in the URL path. */
  api: string;
  name: string;
  labelSelector: string;
}

/** The part of a list that is used. The server may send anything, so no field is taken for granted. */
interface List {
  items?: unknown;
  metadata?: { resourceVersion?: unknown; continue?: string };
}

/** One kind of object in one namespace, listed and watched at the API server. */
export class KubernetesResource implements ApiResource {
  readonly #client: Client;
  readonly #newConfig: () => ApiConfig;
  readonly #namespace: string | undefined;
  readonly #listing: Listing;
  /** Read again before each list: addresses and credentials may have changed. */
  #config: ApiConfig;

  constructor({ client, newConfig }: Api, namespace: string | undefined, listing: Listing) {
    this.#client = client;
    this.#newConfig = newConfig;
    this.#namespace = namespace;
    this.#listing = listing;
    this.#config = newConfig();
  }

  async list(next: string | undefined, signal: AbortSignal): Promise<ApiPage> {
    if (next === undefined) this.#config = this.#readConfig();
    const ending = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
    try {
      const list = await this.#get(
        { limit: PAGE_ITEMS, ...(next !== undefined && { continue: next }) },
        ending,
      );
      const { items, metadata } = list as List;
      const version = metadata?.resourceVersion;
      if (!Array.isArray(items) || typeof version !== 'string') throw new Error('it sent no list');
      return { items, version, next: metadata?.continue || undefined };
    } catch (error) {
      throw this.#failureOf(error, ending, ANSWER_TIMEOUT_MS);
    }
  }

  async watch(
    version: string,
    event: (type: string, object: unknown) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const silence = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const hearWithin = (ms: number) => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), ms).unref();
    };
    const ending = AbortSignal.any([signal, silence.signal]);
    const query = {
      watch: 'true',
      resourceVersion: version,
      allowWatchBookmarks: 'true',
      timeoutSeconds: WATCH_S,
    };
    let isOpen = false;
    hearWithin(ANSWER_TIMEOUT_MS);
    try {
      const response = await this.#send(query, ending);
      if (response.httpStatusCode !== 200) throw await refusalOf(response);
      isOpen = true;
      hearWithin(WATCH_SILENCE_MS);
      const heard = () => hearWithin(WATCH_SILENCE_MS);
      for await (const line of linesOf(response.body.stream() ?? [], heard)) {
        const told = parseJson(line) as { type?: unknown; object?: unknown } | null | undefined;
        // It may have been a change.
        if (typeof told?.type !== 'string')
          throw new ApiFailure('invalid', 'it sent something that is no event');
        event(told.type, told.object);
      }
    } catch (error) {
      // A silent watch is not a failure.
      if (signal.aborted || (isOpen && silence.signal.aborted)) return;
      throw this.#failureOf(error, silence.signal, ANSWER_TIMEOUT_MS);
    } finally {
      clearTimeout(timer);
    }
  }

  /** @throws {ApiFailure} */
  #readConfig(): ApiConfig {
    const config = this.#newConfig();
    try {
      if (existsSync(TOKEN)) config.loadFromCluster();
      else config.loadFromDefault();
      const cluster = config.getCurrentCluster();
      if (cluster === null) throw new Error('it has no current context that names a cluster');
      // The client falls back to this server if it finds no configuration.
      if (cluster.server === 'http://localhost:8080' && !cluster.skipTLSVerify) {
        throw new Error(
          'there is no kubeconfig and no service account token: set KUBECONFIG, or run in a pod',
        );
      }
      return config;
    } catch (error) {
      const message = `the kubeconfig cannot be used: ${messageOf(error)}`;
      throw new ApiFailure('invalid', message, { source: 'kubeconfig' });
    }
  }

  /** The configured namespace, or else that of the client's configuration. */
  get namespace(): string {
    const config = this.#config;
    const own = config.getContextObject(config.getCurrentContext())?.namespace?.trim();
    return this.#namespace ?? (own || 'default');
  }

  get #path(): string {
    const { api, name } = this.#listing;
    return `/${api}/namespaces/${encodeURIComponent(this.namespace)}/${name}`;
  }

  /** @throws {ApiFailure} if the status is not 200 */
  async #get(query: Query, signal: AbortSignal): Promise<unknown> {
    const response = await this.#send(query, signal);
    if (response.httpStatusCode !== 200) throw await refusalOf(response);
    return JSON.parse(await response.body.text());
  }

  /** Sends a plain request, because the client's typed calls would load the types of all objects that exist. */
  async #send(query: Query, signal: AbortSignal): Promise<Response> {
    const { HttpMethod, IsomorphicFetchHttpLibrary, RequestContext } = this.#client;
    const url = `${this.#config.getCurrentCluster()?.server}${this.#path}`;
    const request = new RequestContext(url, HttpMethod.GET);
    request.setQueryParam('labelSelector', this.#listing.labelSelector);
    for (const [key, value] of Object.entries(query)) request.setQueryParam(key, String(value));
    request.setSignal(signal);
    await unlessAborted(this.#config.applySecurityAuthentication(request), signal);
    return new IsomorphicFetchHttpLibrary().send(request).toPromise();
  }

  /** @param late aborted if the request took longer than `timeoutMs` */
  #failureOf(error: unknown, late: AbortSignal, timeoutMs: number): ApiFailure {
    if (error instanceof ApiFailure) return error;
    const server = this.#config.getCurrentCluster()?.server;
    const { code, cause } = error as Partial<Record<string, unknown>>;
    if (late.aborted)
      return new ApiFailure('unreachable', `${server}: no answer within ${formatDuration(timeoutMs)}`);
    if (cause !== undefined || typeof code === 'string') {
      const message = `${server}: ${messageOf(cause ?? error) || messageOf(error)}`;
      return new ApiFailure('unreachable', message, { isRefused: isRefusal(error) });
    }
    return new ApiFailure('invalid', `${server}: ${messageOf(error).slice(0, 300)}`);
  }
}

/** `fetch` hides the error of the connection in the causes of its own. */
function isRefusal(error: unknown): boolean {
  return codeOf(error) === 'ECONNREFUSED' || (error instanceof Error && isRefusal(error.cause));
}

type Query = Record<string, string | number>;
type Response = InstanceType<Client['ResponseContext']>;

/** Waits for work that may never end, such as an external program that provides credentials. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  const abort = () => aborted.reject(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener('abort', abort, { once: true });
  await Promise.race([work, aborted.promise]).finally(() => signal.removeEventListener('abort', abort));
}

/** The reason for a refusal: usually a `Status` object, which names the missing permission. */
async function refusalOf({ httpStatusCode: code, headers, body }: Response): Promise<ApiFailure> {
  const text = await body.text();
  const status = parseJson(text) as { message?: unknown } | null | undefined;
  const message = typeof status?.message === 'string' ? status.message : text.trim();
  return statusFailure({ code, message }, Number(headers['retry-after']) * 1_000 || 0);
}

/**
 * The lines that are not empty.
 *
 * @throws {ApiFailure} if one is longer than any object can be
 */
async function* linesOf(
  stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  heard: () => void,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    heard();
    const lines = decoder.decode(chunk, { stream: true }).split('\n');
    lines[0] = rest + lines[0];
    rest = lines.pop() ?? '';
    yield* lines.filter((line) => line !== '');
    if (rest.length > LINE_MOST) throw new ApiFailure('invalid', 'it sent an event that does not end');
  }
  if (rest !== '') yield rest;
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
