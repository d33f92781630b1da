import { existsSync } from 'node:fs';
import { messageOf } from '../errors.ts';
import type { Discovered, Discovery, DiscoveryListener } from './discovery.ts';
import { endpointOf } from './pods.ts';
import type { KubernetesSettings } from './settings.ts';
import { type EndpointSlice, endpointsOf } from './slices.ts';
import { ApiFailure, type ApiPage, type ApiResource, statusFailure, Watcher } from './watch.ts';

type Client = typeof import('./kubernetes-client.ts');
type KubeConfig = InstanceType<Client['KubeConfig']>;

const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';
const PAGE_ITEMS = 500;
const LIST_TIMEOUT_MS = 15_000;
/** How long the server is asked to keep a watch open. */
const WATCH_S = 300;
/** A watch that has told nothing for so long, no bookmark either, is taken up anew. */
const WATCH_SILENCE_MS = 90_000;

/**
 * Asks the API server of the cluster: in a pod with its service account, elsewhere with the current kubeconfig. The client is
 * loaded only here, and only when it is needed: whole, it costs a good 80 MB.
 */
export class KubernetesDiscovery implements Discovery {
  readonly isFixed = false;
  readonly #settings: KubernetesSettings;
  readonly #zone: string | undefined;

  /** @param zone that this pod is in, where that is known */
  constructor(settings: KubernetesSettings, zone: string | undefined) {
    this.#settings = settings;
    this.#zone = zone;
  }

  async run(listener: DiscoveryListener, signal: AbortSignal): Promise<void> {
    const client = await import('./kubernetes-client.ts');
    const { select } = this.#settings;
    const isService = select.kind === 'service';
    const watcher = isService ? this.#slices(client, listener) : this.#pods(client, listener);
    await watcher.run(signal);
  }

  #slices(client: Client, listener: DiscoveryListener): Watcher<EndpointSlice> {
    const { select, port, namespace } = this.#settings;
    const resource = new KubernetesResource(client, namespace, {
      api: 'apis/discovery.k8s.io/v1',
      name: 'endpointslices',
      labelSelector: select.kind === 'service' ? `kubernetes.io/service-name=${select.name}` : '',
    });
    return new Watcher(
      resource,
      (slice) => slice,
      listener,
      (slices) => listener.found(endpointsOf(slices, port, this.#zone)),
    );
  }

  #pods(client: Client, listener: DiscoveryListener): Watcher<Discovered | undefined> {
    const { select, port, namespace } = this.#settings;
    const resource = new KubernetesResource(client, namespace, {
      api: 'api/v1',
      name: 'pods',
      labelSelector: select.kind === 'pods' ? select.selector : '',
    });
    return new Watcher(
      resource,
      // Of a pod, which is large, only its address is kept.
      (pod) => endpointOf(pod, port),
      listener,
      (endpoints) => {
        const found = [...endpoints].filter((one) => one !== undefined);
        listener.found([...new Map(found.map((one) => [one.address, one])).values()]);
      },
    );
  }
}

/** One kind of object, and how it is asked for. */
interface Listing {
  /** The group and version, as in its path. */
  api: string;
  name: string;
  labelSelector: string;
}

/** What is used of a list; whatever the server sends, no field is taken for granted. */
interface List {
  items?: unknown;
  metadata?: { resourceVersion?: unknown; continue?: string };
}

class KubernetesResource implements ApiResource {
  readonly #client: Client;
  readonly #namespace: string | undefined;
  readonly #listing: Listing;
  /** Read anew with each list: addresses and credentials may have changed. */
  #config: KubeConfig;

  constructor(client: Client, namespace: string | undefined, listing: Listing) {
    this.#client = client;
    this.#namespace = namespace;
    this.#listing = listing;
    this.#config = new client.KubeConfig();
  }

  async list(next: string | undefined, signal: AbortSignal): Promise<ApiPage> {
    if (next === undefined) this.#config = this.#readConfig();
    const ending = AbortSignal.any([signal, AbortSignal.timeout(LIST_TIMEOUT_MS)]);
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
      throw this.#failureOf(error, ending);
    }
  }

  async watch(
    version: string,
    event: (type: string, object: unknown) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const watch = new this.#client.Watch(this.#config);
    // Not declared, but all there is: 30 s otherwise, and bookmarks come once a minute.
    Object.assign(watch, { requestTimeoutMs: WATCH_SILENCE_MS });
    const query = {
      labelSelector: this.#listing.labelSelector,
      resourceVersion: version,
      allowWatchBookmarks: true,
      timeoutSeconds: WATCH_S,
    };
    const { promise: ended, resolve: end } = Promise.withResolvers<unknown>();
    // It answers when the server has, and cannot be aborted before: by then nobody may want it any more.
    const request = watch.watch(this.#path, query, event, end);
    const abort = () => {
      request.then((controller) => controller.abort()).catch(() => undefined);
      end(null);
    };
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    let isOpen = false;
    request.then(() => (isOpen = true), end);
    const error = await ended;
    signal.removeEventListener('abort', abort);
    if (error && !signal.aborted && !(isOpen && isSilence(error))) throw this.#failureOf(error, signal);
  }

  /** @throws {ApiFailure} */
  #readConfig(): KubeConfig {
    const config = new this.#client.KubeConfig();
    try {
      if (existsSync(TOKEN)) config.loadFromCluster();
      else config.loadFromDefault();
      const cluster = config.getCurrentCluster();
      if (cluster === null) throw new Error('it has no current context with a cluster');
      // What the client falls back to where it finds nothing.
      if (cluster.server === 'http://localhost:8080' && !cluster.skipTLSVerify) {
        throw new Error('there is none, nor a service account token: set KUBECONFIG, or run in a pod');
      }
      return config;
    } catch (error) {
      throw new ApiFailure('invalid', `the kubeconfig cannot be used: ${messageOf(error)}`);
    }
  }

  #namespaceOf(config: KubeConfig): string {
    const own = config.getContextObject(config.getCurrentContext())?.namespace?.trim();
    return this.#namespace ?? (own || 'default');
  }

  get #path(): string {
    const { api, name } = this.#listing;
    return `/${api}/namespaces/${encodeURIComponent(this.#namespaceOf(this.#config))}/${name}`;
  }

  /**
   * What the server sends: the client's typed calls would load the type of every object there is.
   *
   * @throws {ApiFailure} where its status says that it would not
   */
  async #get(query: Record<string, string | number>, signal: AbortSignal): Promise<unknown> {
    const { HttpMethod, IsomorphicFetchHttpLibrary, RequestContext } = this.#client;
    const url = `${this.#config.getCurrentCluster()?.server}${this.#path}`;
    const request = new RequestContext(url, HttpMethod.GET);
    request.setQueryParam('labelSelector', this.#listing.labelSelector);
    for (const [key, value] of Object.entries(query)) request.setQueryParam(key, String(value));
    request.setSignal(signal);
    await this.#config.applySecurityAuthentication(request);
    const { httpStatusCode, headers, body } = await new IsomorphicFetchHttpLibrary()
      .send(request)
      .toPromise();
    const text = await body.text();
    if (httpStatusCode === 200) return JSON.parse(text);
    const status = { code: httpStatusCode, message: reasonIn(text) ?? text.trim() };
    throw statusFailure(status, Number(headers['retry-after']) * 1_000 || 0);
  }

  #failureOf(error: unknown, signal: AbortSignal): ApiFailure {
    if (error instanceof ApiFailure) return error;
    const server = this.#config.getCurrentCluster()?.server;
    const { code, statusCode, cause } = error as Partial<Record<string, unknown>>;
    // Of a watch, which tells no more than its status.
    if (typeof statusCode === 'number') return statusFailure({ code: statusCode, message: messageOf(error) });
    if (signal.aborted)
      return new ApiFailure('unreachable', `${server}: no answer within ${LIST_TIMEOUT_MS} ms`);
    if (cause !== undefined || typeof code === 'string') {
      return new ApiFailure('unreachable', `${server}: ${messageOf(cause ?? error) || messageOf(error)}`);
    }
    return new ApiFailure('invalid', `${server}: ${messageOf(error).slice(0, 300)}`);
  }
}

/** A quiet watch is no failure. */
function isSilence(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError';
}

/** The message of a `Status` that came with an error, which names the permission that is missing. */
function reasonIn(body: string): string | undefined {
  try {
    const status: unknown = JSON.parse(body);
    const message = (status as { message?: unknown } | null | undefined)?.message;
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}
