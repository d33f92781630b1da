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
  let policy: string | undefined;
  return page({
    path: '/',
    summary: 'all of this for people, in a browser',
    answer: async ({ accept }) => {
      // A browser asks for it by name.
      if (!/\btext\/html\b/.test(accept)) return { ...text(200, list()), headers: { vary: 'accept' } };
      policy ??= await contentSecurityPolicy(body);
      const headers = { 'content-security-policy': policy, 'referrer-policy': 'no-referrer', vary: 'accept' };
      return { kind: 'page', status: 200, contentType: 'text/html; charset=utf-8', body, headers };
    },
  });
}

/**
 * The browser runs only the script and the style that are in the page, connects only to this sidecar, and refuses to make HTML from
 * text (trusted types), so that a name that a peer has chosen can do nothing.
 */
async function contentSecurityPolicy(html: string): Promise<string> {
  // Loaded only when needed: it takes a tenth of the start-up time, and 2 MB.
  const { createHash } = await import('node:crypto');
  const hashOf = (tag: 'script' | 'style') => {
    const content = html.split(`<${tag}>`)[1]?.split(`</${tag}>`)[0] ?? '';
    return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
  };
  return [
    "default-src 'none'",
    `script-src ${hashOf('script')}`,
    `style-src ${hashOf('style')}`,
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
