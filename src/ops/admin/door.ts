import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { HostPort } from '../../config/config.ts';
import { codeOf, messageOf, StartError } from '../../errors.ts';
import { hostPort } from '../../tcp-address.ts';
import { type Answer, type Page, type Stream, text } from './page.ts';
import { Refusal } from './refusal.ts';

export interface DoorSettings extends HostPort {
  /** For the message if it cannot listen. */
  name: keyof typeof PORT_SETTINGS;
  connectionsMost: number;
  /** How long a connection may be silent, which includes a client that does not read its page. */
  silenceMs?: number;
  /** @throws {Refusal} */
  answer(request: IncomingMessage): Promise<Answer>;
}

/** An HTTP server with limits. */
export interface Door {
  /** `host:port` as bound, with the real port. */
  address: string;
  /** Stops listening and closes every connection, even in the middle of a page. */
  close(): Promise<void>;
}

/** Where to choose another port. */
const PORT_SETTINGS = {
  admin: '--admin-listen or admin.listen',
  inspect: '--admin-inspect or admin.inspect',
};

/** An honest client sends its whole request within seconds. */
const LIMITS = {
  headersTimeout: 3_000,
  requestTimeout: 5_000,
  connectionsCheckingInterval: 500,
  keepAliveTimeout: 5_000,
  maxHeaderSize: 8_192,
} as const;
const SILENCE_MS = 10_000;
/** Streams that go on at the same time. */
const STREAMS_MOST = 8;
/** A reader of a stream that vanished without a word is found by TCP. */
const KEEPALIVE_MS = 30_000;

/** @throws {StartError} if it cannot listen */
export async function openDoor(settings: DoorSettings): Promise<Door> {
  const { name, host, port, connectionsMost, silenceMs = SILENCE_MS, answer } = settings;
  let streams = 0;
  const server = createServer(LIMITS, async (request, response) => {
    // What is written after the end must not end the process.
    response.on('error', () => undefined);
    // After the only request of a connection, Node says that it closes it, and leaves that to the client.
    response.once('finish', () => request.socket.end());
    // Only the client is held to this, not us.
    request.socket.setTimeout(0);
    const answered = await answerOf(answer, request);
    request.socket.setTimeout(silenceMs);
    if (answered.kind === 'page') return sendPage(response, answered);
    if (streams >= STREAMS_MOST)
      return sendPage(response, text(503, `at most ${STREAMS_MOST} streams at the same time\n`));
    streams++;
    await sendStream(request, response, answered);
    streams--;
    // What is left must be read as a page must.
    request.socket.setTimeout(silenceMs);
  });
  server.maxConnections = connectionsMost;
  // Otherwise a client could pipeline requests without reading, and a page would be made and kept for each.
  server.maxRequestsPerSocket = 1;
  server.timeout = silenceMs;
  try {
    // Without a host, Node listens on `::`, which also accepts IPv4, or on `0.0.0.0` if there is no IPv6.
    server.listen(host === '::' ? { port } : { port, host });
    await once(server, 'listening');
  } catch (error) {
    throw new StartError(`${name}: cannot listen on ${hostPort(host, port)}: ${reason(error, name)}`, {
      cause: error,
    });
  }
  return { address: addressOf(server), close: () => close(server) };
}

async function answerOf(answer: DoorSettings['answer'], request: IncomingMessage): Promise<Answer> {
  try {
    return await answer(request);
  } catch (error) {
    if (!(error instanceof Refusal)) return text(500, `internal error: ${messageOf(error)}\n`);
    const { status, message, headers } = error;
    return { ...text(status, `${message}\n`), headers };
  }
}

function sendPage(response: ServerResponse, { status, contentType, body, headers }: Page): void {
  response.writeHead(status, {
    ...headersOf(contentType),
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

/** Resolves when the stream is over; never rejects. */
async function sendStream(
  request: IncomingMessage,
  response: ServerResponse,
  { contentType, run }: Stream,
): Promise<void> {
  response.writeHead(200, headersOf(contentType));
  if (request.method === 'HEAD') return void response.end();
  const left = new AbortController();
  response.once('close', () => left.abort());
  request.socket.setTimeout(0);
  request.socket.setKeepAlive(true, KEEPALIVE_MS);
  response.flushHeaders();
  try {
    await run(response, left.signal);
    response.end();
  } catch {
    // Too late for a status: the client sees that the answer is not whole.
    response.destroy();
  }
}

function headersOf(contentType: string) {
  return {
    'content-type': contentType,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  };
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

function reason(error: unknown, name: DoorSettings['name']): string {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return `port in use, perhaps by another sidecar; choose another port with ${PORT_SETTINGS[name]}`;
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
