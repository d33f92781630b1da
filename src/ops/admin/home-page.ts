import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type PageEntry, page, text } from './page.ts';

/**
 * The page for people: `page.html`, which reads the other pages. A client that is no browser gets a list of the pages instead.
 *
 * @param list one line for each page
 */
export function homePage(list: () => string): PageEntry {
  // In dist, too, it is beside the code.
  const body = readFileSync(new URL('page.html', import.meta.url), 'utf8');
  const headers = {
    'content-security-policy': contentSecurityPolicy(body),
    'referrer-policy': 'no-referrer',
    vary: 'accept',
  };
  return page({
    path: '/',
    summary: 'all of this for people, in a browser',
    answer: ({ accept }) =>
      // A browser asks for it by name.
      /\btext\/html\b/.test(accept)
        ? { kind: 'page', status: 200, contentType: 'text/html; charset=utf-8', body, headers }
        : { ...text(200, list()), headers: { vary: 'accept' } },
  });
}

/**
 * The browser runs only the script and the style that are in the page, connects only to this sidecar, and refuses to make HTML from
 * text (trusted types), so that a name that a peer has chosen can do nothing.
 */
function contentSecurityPolicy(html: string): string {
  return [
    "default-src 'none'",
    `script-src ${hashOf('script', html)}`,
    `style-src ${hashOf('style', html)}`,
    "connect-src 'self'",
    // The empty icon, without which a browser asks for /favicon.ico.
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}

function hashOf(tag: 'script' | 'style', html: string): string {
  const content = html.split(`<${tag}>`)[1]?.split(`</${tag}>`)[0] ?? '';
  return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
}
