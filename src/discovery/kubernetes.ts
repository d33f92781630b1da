import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { KubeConfig } from '@kubernetes/client-node';
import { messageOf } from '../errors.ts';
import type { Discovery, DiscoveryListener } from './discovery.ts';
import { endpointOf, type Pod } from './pods.ts';
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
/** Between two looks for a kubeconfig that is not there, or not right. */
const CONFIG_RETRY_MS = 10_000;

/**
 * Asks the API server of the cluster: in a pod with its service account, elsewhere with the current kubeconfig. The client is
 * loaded only here, and only when it is needed: it costs a good 80 MB.
 */
export class KubernetesDiscovery implements Discovery {
  readonly #settings: KubernetesSettings;
  readonly #zone: string | undefined;

  /** @param zone that this pod is in, where that is known */
  constructor(settings: KubernetesSettings, zone: string | undefined) {
    this.#settings = settings;
    this.#zone = zone;
  }

  async run(listener: DiscoveryListener, signal: AbortSignal): Promise<void> {
    const client = await import('@kubernetes/client-node');
    const config = await configOf(client, listener, signal);
    if (config === undefined) return;
    const namespace = this.#settings.namespace ?? namespaceOf(config);
    await this.#watcher(client, config, namespace, listener).run(signal);
  }

  #watcher(client: Client, config: KubeConfig, namespace: string, listener: DiscoveryListener) {
    const { select, port } = this.#settings;
    if (select.kind === 'service') {
      const api = config.makeApiClient(client.DiscoveryV1Api);
      const resource = new KubernetesResource(client, config, {
        path: `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`,
        labelSelector: `kubernetes.io/service-name=${select.name}`,
        list: (query, options) => api.listNamespacedEndpointSlice({ namespace, ...query }, options),
      });
      return new Watcher(
        resource,
        (slice) => slice as EndpointSlice,
        listener,
        (slices) => listener.found(endpointsOf(slices, port, this.#zone)),
      );
    }
    const api = config.makeApiClient(client.CoreV1Api);
    const resource = new KubernetesResource(client, config, {
      path: `/api/v1/namespaces/${namespace}/pods`,
      labelSelector: select.selector,
      list: (query, options) => api.listNamespacedPod({ namespace, ...query }, options),
    });
    return new Watcher(
      resource,
      // Of a pod, which is large, only its address is kept.
      (pod) => endpointOf(pod as Pod, port),
      listener,
      (endpoints) => {
        const found = [...endpoints].filter((one) => one !== undefined);
        listener.found([...new Map(found.map((one) => [one.address, one])).values()]);
      },
    );
  }
}

/** Waits for a configuration that makes sense; `undefined` where the signal came first. */
async function configOf(
  client: Client,
  listener: DiscoveryListener,
  signal: AbortSignal,
): Promise<KubeConfig | undefined> {
  while (!signal.aborted) {
    try {
      const config = new client.KubeConfig();
      if (existsSync(TOKEN)) config.loadFromCluster();
      else config.loadFromDefault();
      if (config.getCurrentCluster() === null) throw new Error('it has no current context with a cluster');
      return config;
    } catch (error) {
      listener.failed('invalid', `the kubeconfig cannot be used: ${messageOf(error)}`);
      await setTimeout(CONFIG_RETRY_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }
  return undefined;
}

function namespaceOf(config: KubeConfig): string {
  return config.getContextObject(config.getCurrentContext())?.namespace?.trim() || 'default';
}

type ListOptions = NonNullable<
  Parameters<InstanceType<Client['DiscoveryV1Api']>['listNamespacedEndpointSlice']>[1]
>;

interface Listing {
  path: string;
  labelSelector: string;
  list(
    query: { labelSelector: string; limit: number; _continue?: string },
    options: ListOptions,
  ): Promise<{ items: readonly unknown[]; metadata?: { resourceVersion?: string; _continue?: string } }>;
}

class KubernetesResource implements ApiResource {
  readonly #client: Client;
  readonly #config: KubeConfig;
  readonly #listing: Listing;

  constructor(client: Client, config: KubeConfig, listing: Listing) {
    this.#client = client;
    this.#config = config;
    this.#listing = listing;
  }

  async list(next: string | undefined, signal: AbortSignal): Promise<ApiPage> {
    const ending = AbortSignal.any([signal, AbortSignal.timeout(LIST_TIMEOUT_MS)]);
    const { list, labelSelector } = this.#listing;
    const query = { labelSelector, limit: PAGE_ITEMS, ...(next !== undefined && { _continue: next }) };
    try {
      const { items, metadata } = await list(query, this.#abortedBy(ending));
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
    const { path, labelSelector } = this.#listing;
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

  #abortedBy(signal: AbortSignal): ListOptions {
    const middleware = {
      pre: async (request: { setSignal(signal: AbortSignal): void }) => {
        request.setSignal(signal);
        return request;
      },
      post: async (response: unknown) => response,
    };
    return { middleware: [middleware], middlewareMergeStrategy: 'append' } as unknown as ListOptions;
  }

  #failureOf(error: unknown, signal: AbortSignal): ApiFailure {
    const server = this.#config.getCurrentCluster()?.server;
    const { code, statusCode, body, headers, cause } = error as Partial<Record<string, unknown>>;
    const status = code ?? statusCode;
    if (typeof status === 'number') {
      const retryAfterS = Number((headers as Record<string, string> | undefined)?.['retry-after'] ?? 0);
      return statusFailure(
        { code: status, message: reasonIn(body) ?? messageOf(error) },
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
