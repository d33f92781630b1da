import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { HostPort } from '../../config/config.ts';
import { type Door, openDoor } from './door.ts';
import { type Answer, listOf, type Method, type PageEntry, text } from './page.ts';
import { Refusal } from './refusal.ts';
import { targetOf } from './request-target.ts';

/** For some people and a browser each. */
const CONNECTIONS_MOST = 64;
const BODY_BYTES_MOST = 4_096;

/**
 * Opens the door for whoever looks into the sidecar. Only peers on loopback may change anything.
 *
 * @throws {StartError} if it cannot listen
 */
export function openInspectDoor(at: HostPort, pages: readonly PageEntry[]): Promise<Door> {
  return openDoor({
    ...at,
    name: 'inspect',
    connectionsMost: CONNECTIONS_MOST,
    answer: (request) => answer(request, pages),
  });
}

async function answer(request: IncomingMessage, pages: readonly PageEntry[]): Promise<Answer> {
  refuseForeign(request);
  const { path, search } = targetOf(request);
  const found = pages.find((one) => one.path === path);
  const method = methodOf(request, found?.methods ?? ['GET']);
  if (found === undefined)
    return path === '/' ? text(200, listOf(pages)) : text(404, `no such page; there are:\n${listOf(pages)}`);
  const isChange = method !== 'GET';
  if (isChange && !isLoopback(request.socket.remoteAddress))
    throw new Refusal(
      403,
      `${method} ${path} is allowed from loopback only: use kubectl port-forward or exec`,
    );
  const body = isChange ? await bodyOf(request) : '';
  const { accept = '' } = request.headers;
  return await found.answer({ method, body, accept }, search);
}

/**
 * Refuses what a browser sends for a page from elsewhere, which could reach loopback through the browser. Such a page has a name of its
 * own, even if that name leads to us by now (DNS rebinding).
 */
function refuseForeign({ headers }: IncomingMessage): void {
  const { host = '', origin, 'sec-fetch-site': site, 'sec-fetch-mode': mode } = headers;
  if (!isAddress(host))
    throw new Refusal(403, `refused for the host ${JSON.stringify(host)}: use an IP address or localhost`);
  if (origin !== undefined && origin !== `http://${host}`)
    throw new Refusal(403, `refused for a page of ${JSON.stringify(origin)}`);
  // Some requests have no origin, such as those for an image. A link may be followed.
  if ((site === 'cross-site' || site === 'same-site') && mode !== 'navigate')
    throw new Refusal(403, 'refused for a page of another site');
}

/** Whether a Host header names `localhost` or an IP address. */
function isAddress(host: string): boolean {
  const [, name = ''] = /^(\[[^\]]*\]|[^:]*)(?::\d+)?$/.exec(host) ?? [];
  return /^localhost$/i.test(name) || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
}

/** @throws {Refusal} */
function methodOf({ method }: IncomingMessage, allowed: readonly Method[]): Method {
  const asked = method === 'HEAD' ? 'GET' : method;
  const found = allowed.find((one) => one === asked);
  if (found !== undefined) return found;
  const list = allowed.flatMap((one) => (one === 'GET' ? ['GET', 'HEAD'] : [one])).join(', ');
  throw new Refusal(405, `allowed here: ${list}`, { allow: list });
}

/** Not all of 127.0.0.0/8: a service mesh passes on what comes from elsewhere from such an address (Istio: 127.0.0.6). */
function isLoopback(address = ''): boolean {
  return address === '::1' || /^(::ffff:)?127\.0\.0\.1$/.test(address);
}

/**
 * Not by iteration: that would close the connection of a client whose body is too long, before it is told.
 *
 * @throws {Refusal} if it is too long
 */
function bodyOf(request: IncomingMessage): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= BODY_BYTES_MOST) chunks.push(chunk);
    else reject(new Refusal(413, `the body may have at most ${BODY_BYTES_MOST} bytes`));
  });
  request.once('end', () => resolve(Buffer.concat(chunks).toString()));
  request.once('error', reject);
  return promise;
}
