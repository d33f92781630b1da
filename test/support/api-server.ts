import { writeFileSync } from 'node:fs';
import { type Http2ServerRequest, constants as http2 } from 'node:http2';
import { join } from 'node:path';
import { ApiListener, type ApiResponse, type Protocol } from './api-listener.ts';
import type { Scope } from './program.ts';
import { type Rule, rulesFor } from './roles.ts';
import { scratch } from './scratch.ts';

export interface ApiObject {
  metadata: {
    name: string;
    labels?: Record<string, string>;
    resourceVersion?: string;
    [key: string]: unknown;
  };
  [key: string]: unknown;
}

interface Watching {
  resource: string;
  selector: string;
  response: ApiResponse;
}

/** What the server does instead of answering. */
export type Fault =
  | { status: number; headers?: Record<string, string>; body?: string }
  /** Takes the request and cuts the connection. */
  | 'cut'
  /** Takes the request and never answers. */
  | 'hang'
  /** Resets the stream of the request (RST_STREAM), but keeps the connection. */
  | 'reset';

/**
 * An API server for tests. It lists endpointslices and pods of one namespace in pages and watches them, with resource versions,
 * bookmarks, 410, and a Role that it enforces. Faults are injected per verb.
 */
export class ApiServer {
  readonly namespace = 'shop';
  readonly listener: ApiListener;
  /** One entry for each request it took: `list endpointslices`, `watch pods`. */
  readonly requests: { what: string; atMs: number; httpVersion: string }[] = [];
  /** Faults by verb, until they are removed. */
  fault: { list?: Fault; watch?: Fault } = {};
  /** Most items of a page. */
  pageItems = 500;
  token: string | undefined;
  /** The rules of the client's Role. */
  rules: readonly Rule[] = rulesFor('service');
  /** Watches from before this version get 410. */
  oldest = 0;
  readonly #objects = { endpointslices: new Map<string, ApiObject>(), pods: new Map<string, ApiObject>() };
  readonly #history: { resource: string; type: string; object: ApiObject; version: number }[] = [];
  readonly #watching = new Set<Watching>();
  #version = 100;

  private constructor(protocol: Protocol) {
    this.listener = new ApiListener(protocol, (request, response) => this.#answer(request, response));
  }

  static async start(scope: Scope, { protocol = 'h2' }: { protocol?: Protocol } = {}): Promise<ApiServer> {
    const server = new ApiServer(protocol);
    await server.listen();
    scope.after(() => server.close());
    return server;
  }

  get connections(): number {
    return this.listener.connections;
  }

  get watches(): number {
    return this.#watching.size;
  }

  count(what: string): number {
    return this.requests.filter((one) => one.what === what).length;
  }

  /** Listens again on the same port. */
  async listen(): Promise<void> {
    await this.listener.listen();
  }

  async close(): Promise<void> {
    await this.listener.close();
  }

  /** Cuts every connection. */
  cut(): void {
    this.listener.cut();
    this.#watching.clear();
  }

  /** Ends every watch, as a server does when its time is up. */
  endWatches(): void {
    for (const { response } of this.#watching) response.end();
    this.#watching.clear();
  }

  /** Resets the stream of every watch (RST_STREAM). */
  resetWatches(code: number): void {
    for (const { response } of this.#watching) response.stream.close(code);
    this.#watching.clear();
  }

  /** Writes any bytes into every watch. */
  sendRaw(text: string): void {
    for (const { response } of this.#watching) response.write(text);
  }

  /** Writes a kubeconfig for it, and returns the file. */
  kubeconfig(_scope: Scope): string {
    const directory = scratch();
    const file = join(directory, 'config');
    const tokenFile = join(directory, 'token');
    writeFileSync(tokenFile, this.token ?? '');
    const { url, certificate } = this.listener;
    const trust =
      certificate === undefined
        ? { 'insecure-skip-tls-verify': true }
        : { 'certificate-authority-data': Buffer.from(certificate).toString('base64') };
    const cluster = { server: url, ...trust };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster }],
      users: [
        {
          name: 'test',
          user:
            this.token === undefined ? {} : { 'auth-provider': { name: 'tokenFile', config: { tokenFile } } },
        },
      ],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test', namespace: this.namespace } }],
      'current-context': 'test',
    };
    writeFileSync(file, JSON.stringify(config));
    return file;
  }

  put(resource: 'endpointslices' | 'pods', object: ApiObject): void {
    const known = this.#objects[resource].has(object.metadata.name);
    const version = ++this.#version;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    this.#objects[resource].set(object.metadata.name, stored);
    this.#happened(resource, known ? 'MODIFIED' : 'ADDED', stored, version);
  }

  delete(resource: 'endpointslices' | 'pods', name: string): void {
    const object = this.#objects[resource].get(name);
    if (object === undefined) return;
    this.#objects[resource].delete(name);
    const version = ++this.#version;
    this.#happened(
      resource,
      'DELETED',
      { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } },
      version,
    );
  }

  bookmark(): void {
    const object = { metadata: { resourceVersion: String(this.#version) } };
    this.sendRaw(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
  }

  #happened(resource: string, type: string, object: ApiObject, version: number): void {
    this.#history.push({ resource, type, object, version });
    for (const watching of this.#watching) {
      if (watching.resource === resource && matches(object, watching.selector)) {
        watching.response.write(`${JSON.stringify({ type, object })}\n`);
      }
    }
  }

  #answer(request: Http2ServerRequest, response: ApiResponse): void {
    const url = new URL(request.url ?? '/', 'http://server');
    const [, group = '', namespace = '', resource = ''] =
      /^\/(api\/v1|apis\/discovery\.k8s\.io\/v1)\/namespaces\/([^/]+)\/([a-z]+)$/.exec(url.pathname) ?? [];
    const verb = url.searchParams.get('watch') === 'true' ? 'watch' : 'list';
    const { httpVersion } = request;
    this.requests.push({ what: `${verb} ${resource}`, atMs: performance.now(), httpVersion });
    const fault = this.fault[verb];
    if (fault === 'cut') return this.listener.cut(request);
    if (fault === 'hang') return;
    if (fault === 'reset') return response.stream.close(http2.NGHTTP2_INTERNAL_ERROR);
    if (fault !== undefined) {
      response.writeHead(fault.status, fault.headers).end(fault.body ?? statusBody(fault.status, 'injected'));
      return;
    }
    if (this.token !== undefined && request.headers.authorization !== `Bearer ${this.token}`) {
      return refuse(response, 401, 'Unauthorized');
    }
    const apiGroup = group === 'api/v1' ? '' : 'discovery.k8s.io';
    const isAllowed = this.rules.some(
      ({ apiGroups, resources, verbs }) =>
        apiGroups.includes(apiGroup) && resources.includes(resource) && verbs.includes(verb),
    );
    if (!isAllowed || namespace !== this.namespace) {
      return refuse(
        response,
        403,
        `${resource} is forbidden: cannot ${verb} in the namespace "${namespace}"`,
      );
    }
    if (resource !== 'endpointslices' && resource !== 'pods')
      return refuse(response, 404, 'no such resource');
    if (verb === 'watch') this.#watch(resource, url.searchParams, response);
    else this.#list(resource, url.searchParams, response);
  }

  #list(resource: 'endpointslices' | 'pods', query: URLSearchParams, response: ApiResponse): void {
    const selector = query.get('labelSelector') ?? '';
    const all = [...this.#objects[resource].values()].filter((object) => matches(object, selector));
    const from = Number(query.get('continue') ?? 0);
    const to = from + Math.min(this.pageItems, Number(query.get('limit') ?? this.pageItems));
    const more = to < all.length ? { continue: String(to) } : {};
    const body = {
      kind: 'List',
      apiVersion: 'v1',
      metadata: { resourceVersion: String(this.#version), ...more },
      items: all.slice(from, to),
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  #watch(resource: string, query: URLSearchParams, response: ApiResponse): void {
    const since = Number(query.get('resourceVersion'));
    const selector = query.get('labelSelector') ?? '';
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (since < this.oldest) {
      const object = { kind: 'Status', code: 410, message: 'too old resource version' };
      response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
      return;
    }
    const missed = this.#history.filter(
      (one) => one.resource === resource && one.version > since && matches(one.object, selector),
    );
    for (const { type, object } of missed) response.write(`${JSON.stringify({ type, object })}\n`);
    const watching = { resource, selector, response };
    this.#watching.add(watching);
    response.on('close', () => this.#watching.delete(watching));
  }
}

function refuse(response: ApiResponse, code: number, message: string): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(statusBody(code, message));
}

function statusBody(code: number, message: string): string {
  return JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, message });
}

/** Equality only: `a=b,c=d`. */
function matches(object: ApiObject, selector: string): boolean {
  if (selector === '') return true;
  return selector.split(',').every((term) => {
    const [key = '', value = ''] = term.split('=');
    return object.metadata.labels?.[key] === value;
  });
}

/** An EndpointSlice of the service `orders`. */
export function slice(
  name: string,
  endpoints: readonly {
    ip: string;
    uid?: string;
    pod?: string;
    node?: string;
    zone?: string;
    ready?: boolean;
    serving?: boolean;
    terminating?: boolean;
  }[],
  port = 7000,
): ApiObject {
  return {
    metadata: { name, labels: { 'kubernetes.io/service-name': 'orders' } },
    addressType: 'IPv4',
    ports: [{ name: 'zmq', port, protocol: 'TCP' }],
    endpoints: endpoints.map(({ ip, uid, pod, node, zone, ...conditions }) => ({
      addresses: [ip],
      conditions,
      ...((uid ?? pod) !== undefined && { targetRef: { kind: 'Pod', uid, name: pod } }),
      ...(node !== undefined && { nodeName: node }),
      ...(zone !== undefined && { zone }),
    })),
  };
}
