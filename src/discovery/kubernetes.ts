import { existsSync } from 'node:fs';
import type { KubeConfig } from '@kubernetes/client-node';
import { messageOf } from '../errors.ts';
import type { Discovered, Discovery, DiscoveryListener } from './discovery.ts';
import { endpointOf } from './pods.ts';
import type { KubernetesSettings } from './settings.ts';
import { type EndpointSlice, endpointsOf } from './slices.ts';
import { ApiFailure, type ApiPage, type ApiResource, statusFailure, Watcher } from './watch.ts';

type Client = typeof import('@kubernetes/client-node');

const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';
const PAGE_ITEMS = 500;
const LIST_TIMEOUT_MS = 15_000;
/** How long the server is asked to keep a watch open. */
const WATCH_S = 300;
/** A watch that has told nothing for so long, no bookmark either, is taken up anew. */
const WATCH_SILENCE_MS = 90_000;

/**
 * Asks the API server of the cluster: in a pod with its service account, elsewhere with the current kubeconfig. The client is
 * loaded only here, and only when it is needed: it costs a good 80 MB.
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
    const client = await import('@kubernetes/client-node');
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
      list: (config, query, options) =>
        config.makeApiClient(client.DiscoveryV1Api).listNamespacedEndpointSlice(query, options),
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
      list: (config, query, options) =>
        config.makeApiClient(client.CoreV1Api).listNamespacedPod(query, options),
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

type ListOptions = NonNullable<
  Parameters<InstanceType<Client['DiscoveryV1Api']>['listNamespacedEndpointSlice']>[1]
>;

/** One kind of object, and how it is asked for. */
interface Listing {
  /** The group and version, as in its path. */
  api: string;
  name: string;
  labelSelector: string;
  list(
    config: KubeConfig,
    query: { namespace: string; labelSelector: string; limit: number; _continue?: string },
    options: ListOptions,
  ): Promise<{ items: readonly unknown[]; metadata?: { resourceVersion?: string; _continue?: string } }>;
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
    const namespace = this.#namespaceOf(this.#config);
    const ending = AbortSignal.any([signal, AbortSignal.timeout(LIST_TIMEOUT_MS)]);
    const { list, labelSelector } = this.#listing;
    const query = {
      namespace,
      labelSelector,
      limit: PAGE_ITEMS,
      ...(next !== undefined && { _continue: next }),
    };
    try {
      const { items, metadata } = await list(this.#config, query, this.#abortedBy(ending));
      const version = metadata?.resourceVersion;
      if (!Array.isArray(items) || typeof version !== 'string') throw new Error('it sent no list');
      return { items, version, next: metadata?._continue || undefined };
    } catch (error) {
      throw this.#failureOf(error, ending);
    }
  }

  async watch(
    version: string,
    event: (type: string, object: unknown) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { api, name, labelSelector } = this.#listing;
    const path = `/${api}/namespaces/${this.#namespaceOf(this.#config)}/${name}`;
    const watch = new this.#client.Watch(this.#config);
    // Not declared, but all there is: 30 s otherwise, and bookmarks come once a minute.
    Object.assign(watch, { requestTimeoutMs: WATCH_SILENCE_MS });
    const query = {
      labelSelector,
      resourceVersion: version,
      allowWatchBookmarks: true,
      timeoutSeconds: WATCH_S,
    };
    const { promise: ended, resolve: end } = Promise.withResolvers<unknown>();
    // It answers when the server has, and cannot be aborted before: by then nobody may want it any more.
    const request = watch.watch(path, query, event, end);
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

  #abortedBy(signal: AbortSignal): ListOptions {
    const { middleware } = this.#client.createConfiguration({
      promiseMiddleware: [
        {
          pre: async (request) => {
            request.setSignal(signal);
            return request;
          },
          post: async (response) => response,
        },
      ],
    });
    return { middleware, middlewareMergeStrategy: 'append' };
  }

  #failureOf(error: unknown, signal: AbortSignal): ApiFailure {
    const server = this.#config.getCurrentCluster()?.server;
    const { code, statusCode, body, headers, cause } = error as Partial<Record<string, unknown>>;
    const status = code ?? statusCode;
    if (typeof status === 'number') {
      const retryAfterS = Number((headers as Record<string, string> | undefined)?.['retry-after'] ?? 0);
      return statusFailure(
        { code: status, message: reasonIn(body) ?? shortMessageOf(error) },
        retryAfterS * 1_000 || 0,
      );
    }
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

/** The client's message for a status without a body of its own holds the whole response. */
function shortMessageOf(error: unknown): string {
  const text = messageOf(error);
  return /^Message: (.*)$/m.exec(text)?.[1] ?? text;
}

/** The message of a `Status` that came with an error, which names the permission that is missing. */
function reasonIn(body: unknown): string | undefined {
  try {
    const status: unknown = typeof body === 'string' ? JSON.parse(body) : body;
    const message = (status as { message?: unknown } | null | undefined)?.message;
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}
