import type { IncomingMessage } from 'node:http';

/** What is asked for. */
export function targetOf({ url = '/' }: IncomingMessage): { path: string; search: URLSearchParams } {
  const at = url.indexOf('?');
  if (at < 0) return { path: url, search: new URLSearchParams() };
  return { path: url.slice(0, at), search: new URLSearchParams(url.slice(at + 1)) };
}
