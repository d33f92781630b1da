import { spawnSync } from 'node:child_process';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { Scope } from './program.ts';

const NAMES = ['chromium', 'google-chrome'];
/** Far longer than any machine needs. */
const PATIENCE_MS = 300_000;

const executable = NAMES.map((name) =>
  spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name], { encoding: 'utf8' }),
)
  .find(({ status }) => status === 0)
  ?.stdout.trim();

/** The reason to skip a test that needs a browser; false if there is one. */
export const lacksBrowser = executable === undefined && `not on the PATH: ${NAMES.join(' or ')}`;

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: executable ?? '' });
}

/** A page in a browser, and everything that it should not have done. */
export interface Tab {
  page: Page;
  /** Errors, violations of its policy, requests to other origins. */
  troubles: string[];
}

export async function openTab(
  scope: Scope,
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Tab> {
  const context = await browser.newContext(options);
  scope.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const troubles: string[] = [];
  page.on('pageerror', ({ message }) => troubles.push(message));
  page.on('dialog', (dialog) => troubles.push(`dialog: ${dialog.message()}`));
  page.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return;
    // No error of the page: the sidecar does not answer, or no longer keeps the request that somebody wants to read about.
    const isForgotten =
      /status of 404/.test(message.text()) && /\/explain\?request=/.test(message.location().url);
    if (!isForgotten && !/: net::ERR_/.test(message.text())) troubles.push(message.text());
  });
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol !== 'data:' && origin !== new URL(url).origin) troubles.push(`request to ${request.url()}`);
  });
  await page.goto(url);
  return { page, troubles };
}
