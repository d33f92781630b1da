export const COLLECTOR_PATTERN = '^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+(/[^?#]*)?(\\?[^#]*)?$';

/**
 * Checks the URL of an OTLP/HTTP receiver.
 *
 * @returns the URL in canonical form
 * @throws {Error} with a message for users, which shows no password
 */
export function parseCollector(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new Error('must be a URL such as http://otel-collector:4318');
  if (url.username !== '' || url.password !== '')
    throw new Error('must hold no user name and no password; use headersFile');
  if (url.hash !== '') throw new Error('must have nothing behind a #');
  return url.href;
}

/** Where spans go, below the base URL of all signals. */
export function tracesUrl(base: string): URL {
  const url = new URL(base);
  const path = url.pathname.replace(/\/+$/, '');
  url.pathname = path.endsWith('/v1/traces') ? path : `${path}/v1/traces`;
  return url;
}
