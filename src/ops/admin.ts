import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { codeOf, messageOf, StartError } from '../errors.ts';
import { hostPort } from '../tcp-address.ts';
import type { Health } from './health.ts';

/** The content of the pages, read when a page is requested. */
interface AdminPages {
  startup(): Health;
  ready(): Health;
  /** JSON. */
  status(): string;
  metrics: { contentType: string; text(): Promise<string> };
}

export interface AdminSettings extends AdminPages {
  host: string;
  /** Port 0 picks one. */
  port: number;
}

export interface Admin {
  /** `host:port` as bound, with the real port. */
  address: string;
  /** Stops listening and closes every connection, even in the middle of a page. */
  close(): Promise<void>;
}

interface Page {
  status: number;
  contentType: string;
  body: string;
}

/** The pages are read-only, so an honest client sends its whole request within seconds. */
const LIMITS = {
  headersTimeout: 3_000,
  requestTimeout: 5_000,
  connectionsCheckingInterval: 500,
  keepAliveTimeout: 5_000,
  maxHeaderSize: 8_192,
} as const;
/** How long a connection may be silent, which includes a client that does not read its page. */
const SILENCE_MS = 10_000;
/** Far more than probes and scrapers need, but few enough to leave descriptors for the routes. */
const MAX_CONNECTIONS = 256;

const PATHS = `/startupz  every route is listening
/livez     the event loop is running
/readyz    ready to take requests
/metrics   Prometheus metrics
/status    routes and endpoints, as JSON
`;

/**
 * Serves health, metrics and status over HTTP. It accepts only GET and HEAD; nothing can be changed through it.
 *
 * @throws {StartError} if it cannot listen
 */
export async function startAdmin({ host, port, ...sources }: AdminSettings): Promise<Admin> {
  const server = createServer(LIMITS, (request, response) => {
    void answer(sources, request, response);
  });
  server.maxConnections = MAX_CONNECTIONS;
  // Otherwise a client could pipeline requests without reading, and a page would be made and kept for each.
  server.maxRequestsPerSocket = 1;
  server.timeout = SILENCE_MS;
  try {
    // Without a host, Node listens on `::`, which also accepts IPv4, or on `0.0.0.0` if there is no IPv6.
    server.listen(host === '::' ? { port } : { port, host });
    await once(server, 'listening');
  } catch (error) {
    throw new StartError(`admin: cannot listen on ${hostPort(host, port)}: ${reason(error)}`, {
      cause: error,
    });
  }
  return { address: addressOf(server), close: () => close(server) };
}

async function answer(
  sources: AdminPages,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, contentType, body } = await pageFor(sources, request);
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 405 ? { allow: 'GET, HEAD', connection: 'close' } : {}),
  });
  response.end(body);
}

async function pageFor(sources: AdminPages, { method, url = '/' }: IncomingMessage): Promise<Page> {
  if (method !== 'GET' && method !== 'HEAD') return text(405, 'only GET and HEAD are allowed here\n');
  try {
    switch (url.split('?', 1)[0]) {
      case '/':
        return text(200, PATHS);
      case '/startupz':
        return healthPage(sources.startup());
      case '/livez':
        return text(200, 'ok\n');
      case '/readyz':
        return healthPage(sources.ready());
      case '/metrics':
        return { status: 200, contentType: sources.metrics.contentType, body: await sources.metrics.text() };
      case '/status':
        return { status: 200, contentType: 'application/json', body: sources.status() };
      default:
        return text(404, `no such page; there are:\n${PATHS}`);
    }
  } catch (error) {
    return text(500, `internal error: ${messageOf(error)}\n`);
  }
}

function healthPage({ isOk, reason }: Health): Page {
  return text(isOk ? 200 : 503, `${isOk ? 'ok' : 'not ok'}: ${reason}\n`);
}

function text(status: number, body: string): Page {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

function addressOf(server: Server): string {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('a TCP server has a host and a port');
  return hostPort(bound.address, bound.port);
}

function reason(error: unknown): string {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return 'port in use';
    case 'EACCES':
      return 'permission denied; ports below 1024 may need a privilege';
    case 'EADDRNOTAVAIL':
      return 'not an address of this machine';
    case 'ENOTFOUND':
      return 'unknown host name';
    default:
      return messageOf(error);
  }
}
