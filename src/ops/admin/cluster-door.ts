import type { IncomingMessage } from 'node:http';
import type { HostPort } from '../../config/config.ts';
import { type Door, openDoor } from './door.ts';
import { type Answer, listOf, type PageEntry, text } from './page.ts';
import { Refusal } from './refusal.ts';
import { targetOf } from './request-target.ts';

/** The pages of the other door. */
interface Elsewhere {
  pages: readonly PageEntry[];
  /** Where that door listens now; `undefined` if it is off. */
  address(): string | undefined;
}

/** Far more than probes and scrapers need, but few enough to leave descriptors for the routes. */
const CONNECTIONS_MOST = 256;

/**
 * Opens the door for the cluster: health and metrics. It accepts only GET and HEAD; nothing can be changed through it.
 *
 * @throws {StartError} if it cannot listen
 */
export function openClusterDoor(
  at: HostPort,
  pages: readonly PageEntry[],
  elsewhere: Elsewhere,
): Promise<Door> {
  return openDoor({
    ...at,
    name: 'admin',
    connectionsMost: CONNECTIONS_MOST,
    answer: async (request) => answer(request, pages, elsewhere),
  });
}

function answer(
  request: IncomingMessage,
  pages: readonly PageEntry[],
  elsewhere: Elsewhere,
): Answer | Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    throw new Refusal(405, 'only GET and HEAD are allowed here', { allow: 'GET, HEAD' });
  const { path, search } = targetOf(request);
  const found = pages.find((one) => one.path === path);
  const { accept = '' } = request.headers;
  if (found !== undefined) return found.answer({ method: 'GET', body: '', accept }, search);
  const list = () => `${listOf(pages)}\n${whereTheRestIs(elsewhere)}`;
  if (path === '/') return text(200, list());
  const isElsewhere = elsewhere.pages.some((one) => one.path === path);
  return text(404, isElsewhere ? movedTo(path, elsewhere.address()) : `no such page; there are:\n${list()}`);
}

function whereTheRestIs({ pages, address }: Elsewhere): string {
  const names = pages.map(({ path }) => path).join(' ');
  const at = address();
  if (at === undefined) return `${names}: not served, because admin.inspect is off\n`;
  return `${names}: at http://${at} (admin.inspect)\n`;
}

function movedTo(path: string, address: string | undefined): string {
  if (address === undefined) return `${path} is not served, because admin.inspect is off\n`;
  return `${path} is at http://${address}${path} (admin.inspect); from outside the pod, use kubectl port-forward\n`;
}
