import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';
import type { StatusPage } from '../../src/ops/status-page.ts';
import { ask } from '../support/ask.ts';
import { lacksBrowser, launchBrowser, openTab } from '../support/browser.ts';
import { type RunningSidecar, startSidecar } from '../support/program.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import { until } from '../support/until.ts';
import { UpstreamProcess } from '../support/upstream-process.ts';

const NARROW = { width: 380, height: 800 };

/** A sidecar, and an app that keeps asking. */
async function startUnderLoad(
  t: TestContext,
  upstreams: readonly UpstreamProcess[],
): Promise<RunningSidecar & { load: SteadyLoad }> {
  const sidecar = await startSidecar(t, [
    ...['--listen', 'tcp://127.0.0.1:0', '--upstream', upstreams.map(({ address }) => address).join(',')],
    ...['--timeout', '1s', '--attempts', '2'],
  ]);
  const load = new SteadyLoad(sidecar.address, 20);
  t.after(() => load.abandon());
  return { ...sidecar, load };
}

const ends: (() => unknown)[] = [];
after(async () => {
  for (const end of ends) await end();
});

let started: Promise<RunningSidecar> | undefined;

/** A sidecar for all tests that need one that is well. */
function healthy(): Promise<RunningSidecar> {
  const scope = { after: (end: () => unknown) => void ends.unshift(end) };
  const start = async () => {
    const { address } = await UpstreamProcess.start(scope);
    return await startSidecar(scope, ['--listen', 'tcp://127.0.0.1:0', '--upstream', address]);
  };
  started ??= start();
  return started;
}

/** The text of the verdict, in which the word is large. */
const verdict = (page: Page, word: string) => page.locator('#verdict .word', { hasText: word });

async function scrollsSideways(page: Page): Promise<boolean> {
  return await page.evaluate('document.documentElement.scrollWidth > innerWidth');
}

/** Presses Tab until this has the focus. */
async function tabTo(page: Page, wanted: Locator): Promise<void> {
  const focused = wanted.and(page.locator(':focus'));
  for (let presses = 0; (await focused.count()) === 0; presses++) {
    assert.ok(presses < 100, 'it cannot be reached');
    await page.keyboard.press('Tab');
  }
  assert.notEqual(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle'), 'none');
}

test('a browser gets the page with a strict policy, and anything else the list of pages', async () => {
  const { inspect } = await healthy();
  const html = await fetch(inspect, { headers: { accept: 'text/html,*/*;q=0.8' } });
  assert.equal(html.headers.get('content-type'), 'text/html; charset=utf-8');
  assert.match(await html.text(), /^<!doctype html>/);
  const policy = html.headers.get('content-security-policy')?.split('; ') ?? [];
  for (const directive of [
    "default-src 'none'",
    "connect-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
  ])
    assert.ok(policy.includes(directive), directive);
  assert.doesNotMatch(policy.join(), /unsafe|\*|http/);
  const list = await fetch(inspect);
  assert.equal(list.headers.get('content-type'), 'text/plain; charset=utf-8');
  assert.match(await list.text(), /^\/ {2,}.*\n(.*\n)*\/status {2,}/m);
});

describe('the page in a browser', { skip: lacksBrowser }, () => {
  let browser: Browser;
  before(async () => {
    browser = await launchBrowser();
  });
  after(() => browser?.close());

  test('tells what is going on while endpoints stop, die and come back, and can be read by keyboard', async (t) => {
    const upstreams = [await UpstreamProcess.start(t), await UpstreamProcess.start(t)] as const;
    const [stopped, killed] = upstreams;
    const sidecar = await startUnderLoad(t, upstreams);
    const { page, troubles } = await openTab(t, browser, sidecar.inspect);
    await page.locator('#rest').waitFor();
    await page.getByRole('table', { name: ': 2 of 2 up' }).waitFor();
    const routes = page.getByRole('table').first();
    for (const name of ['Route', 'Requests/s', 'Failed', 'p50', 'p99', 'Queued', 'In flight'])
      await routes.getByRole('columnheader', { name, exact: true }).waitFor();
    await routes.locator('svg rect').first().waitFor();

    stopped.program.kill('SIGSTOP');
    // So many at once that no server gets all of them, however much faster than the other one it seems to be.
    await Promise.all(Array.from({ length: 50 }, () => ask(sidecar.address, 'at once')));
    // As its failures, or its silence or end are noticed first.
    const out = (address: string) =>
      page.getByRole('row', { name: address }).getByText(/^.? ?(ejected|down)$/);
    await out(stopped.address).waitFor();
    await verdict(page, 'Degraded').waitFor();
    const retried = page.locator('#requests details', { hasText: `at ${stopped.address}` }).first();
    const id = (await retried.getAttribute('data-key')) ?? '';
    const request = page.locator(`#requests details[data-key="${id}"]`);
    await tabTo(page, request.locator('summary'));
    await page.keyboard.press('Enter');
    const attempt = request.getByRole('listitem').filter({ hasText: stopped.address }).first();
    await attempt.getByText(/timeout|lost/).waitFor();
    assert.ok(((await attempt.locator('rect').boundingBox())?.width ?? 0) > 0);

    const newest = () => page.locator('#requests details').first().getAttribute('data-key');
    const atFirst = await newest();
    await killed.kill();
    await out(killed.address).waitFor();
    await verdict(page, 'Broken').waitFor();
    await page.getByRole('status').getByText('Broken').waitFor({ state: 'attached' });
    assert.match(await page.title(), /^Broken/);

    await page.getByText('The list waits while you read').waitFor();
    assert.equal(await newest(), atFirst);
    await attempt.getByText(/timeout|lost/).waitFor();
    await page.getByRole('button', { name: 'Show the newest' }).press('Enter');
    await page.getByText('The list waits while you read').waitFor({ state: 'hidden' });
    assert.notEqual(await newest(), atFirst);
    await page.setViewportSize(NARROW);
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.locator('#requests summary').first().click();
    await page.locator('#requests details').first().locator('.open').waitFor();
    assert.equal(await scrollsSideways(page), false);

    stopped.program.kill('SIGCONT');
    await killed.restart(t);
    await page.getByRole('table', { name: ': 2 of 2 up' }).waitFor();
    await page.locator('#verdict .word').filter({ hasNotText: 'Broken' }).waitFor();
    assert.deepEqual(troubles, []);
  });

  test('shows what follows from a cause below it, and numbers no consequence as a fault', async (t) => {
    const { inspect } = await healthy();
    const { page, troubles } = await openTab(t, browser, inspect);
    const of = { route: 'orders', severity: 'broken', evidence: ['So it is.'] };
    const reasons = [
      { ...of, text: 'They are slow.', advice: 'Raise it.', consequenceOf: null },
      { ...of, text: 'Many wait.', advice: null, consequenceOf: 0 },
      { ...of, text: 'By the way.', advice: null, consequenceOf: null },
    ];
    const verdict = { state: 'broken', text: 'It works badly.' };
    await page.route('**/explain', (route) =>
      route.fulfill({ json: { at: new Date().toISOString(), verdict, reasons } }),
    );
    await page.reload();
    const causes = page.locator('#answer .reasons > li');
    await causes.filter({ hasText: 'They are slow.' }).getByText('What follows from this').waitFor();
    assert.deepEqual(await causes.first().locator('ul').last().locator('li').allInnerTexts(), [
      'Many wait. So it is.',
    ]);
    assert.equal(await causes.count(), 2);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    assert.deepEqual(troubles, []);
  });

  test('counts a request as failed if its app left before there was a reply', async (t) => {
    const { inspect } = await healthy();
    const { page, troubles } = await openTab(t, browser, inspect);
    await page.route('**/status', async (route) => {
      const response = await route.fetch();
      const status = (await response.json()) as StatusPage;
      for (const { recent } of status.routes) {
        recent.received = 8;
        recent.outcomes = { ...recent.outcomes, ok: 2, client_gone: 6 };
        recent.clientGone = { ...recent.clientGone, timeout: 4, ok: 2 };
      }
      await route.fulfill({ response, json: status });
    });
    await page.reload();
    const failed = page.getByRole('table').first().getByRole('cell').nth(1);
    await failed.getByText('4 (50 %)', { exact: true }).waitFor();
    await failed.getByText('4 client gone', { exact: true }).waitFor();
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    assert.deepEqual(troubles, []);
  });

  test('begins its figures anew after a reload that gives the name of a route to another', async (t) => {
    const { inspect } = await healthy();
    const { page, troubles } = await openTab(t, browser, inspect);
    let polls = 0;
    await page.route('**/status', async (route) => {
      const response = await route.fetch();
      const status = (await response.json()) as StatusPage;
      const isBefore = polls++ < 2;
      for (const { totals } of status.routes) {
        totals.received = isBefore ? 1_000 : 5;
        totals.outcomes.timeout = isBefore ? 100 : 0;
      }
      await route.fulfill({ response, json: status });
    });
    await page.reload();
    const spark = page.getByRole('table').first().getByRole('cell').last();
    // It asks again when it has shown the last answer.
    await until('it has shown two answers after the reload', () => polls > 4);
    assert.match((await spark.textContent()) ?? '', /^at most 0\/s, 0 failed/);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    assert.deepEqual(troubles, []);
  });

  test('says since when nothing answers, and goes on when there is an answer again', async (t) => {
    const upstream = await UpstreamProcess.start(t);
    const { program, inspect } = await startUnderLoad(t, [upstream]);
    const { page, troubles } = await openTab(t, browser, inspect);
    await page.locator('#rest').waitFor();
    program.kill('SIGSTOP');
    await page.locator('#verdict .word', { hasText: /^\? No answer since \d\d:\d\d:\d\d UTC$/ }).waitFor();
    await page.locator('#answer').getByText('Below is what it said last').waitFor();
    program.kill('SIGCONT');
    await page.locator('#verdict .word').filter({ hasNotText: 'No answer' }).waitFor();
    program.kill('SIGKILL');
    await verdict(page, 'No answer since').waitFor();
    assert.deepEqual(troubles, []);
  });

  test('asks every 2 s, but nothing while it is hidden', async (t) => {
    const { inspect } = await healthy();
    const { page } = await openTab(t, browser, inspect);
    let asked = 0;
    page.on('request', (request) => {
      if (request.url().endsWith('/status')) asked++;
    });
    const answered = () => page.waitForResponse('**/requests').then((response) => response.finished());
    await page.clock.install();
    await Promise.all([answered(), page.reload()]);
    await page.clock.pauseAt(Date.now() + 1_000);
    for (let polls = 0; polls < 3; polls++) await Promise.all([answered(), page.clock.runFor(2_000)]);
    const hide = (isHidden: boolean) =>
      page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));`);
    await hide(true);
    const before = asked;
    await page.clock.runFor(600_000);
    assert.equal(asked, before);
    await Promise.all([answered(), hide(false)]);
  });

  test('shows names and messages as text, whatever they are', async (t) => {
    const upstream = await UpstreamProcess.start(t);
    const { address, inspect, load } = await startUnderLoad(t, [upstream]);
    await until('a request is answered', () => load.samples.length > load.failures.length);
    // Further requests would push the one that timed out off the page.
    await load.stop();
    upstream.program.kill('SIGSTOP');
    assert.notEqual((await ask(address, 'x')).failure, undefined);
    const { page, troubles } = await openTab(t, browser, inspect);
    await page.route(/\/(status|explain|requests)\b/, async (route) => {
      if (route.request().url().includes('?')) return route.fulfill({ json: { text: [HOSTILE] } });
      const response = await route.fetch();
      await route.fulfill({ response, json: hostile(await response.json()) });
    });
    await page.reload();
    await page.locator('#requests summary', { hasText: 'timeout at' }).first().click();
    await page.locator('#requests .open').getByText(HOSTILE).first().waitFor();
    for (const place of ['#who', '#answer', '#routes', '#endpoints', '#requests .attempts', '#config'])
      assert.ok((await page.locator(place).innerText()).toLowerCase().includes(HOSTILE), place);
    assert.equal(await page.locator('img').count(), 0);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    assert.deepEqual(troubles, []);
  });
});

const HOSTILE = '<img src=x onerror="alert(1)">\'"';

/** The same JSON, with something in front of each text that does harm where it becomes HTML. */
function hostile(value: unknown): unknown {
  if (typeof value === 'string') return `${HOSTILE}${value}`;
  if (Array.isArray(value)) return value.map(hostile);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inside]) => [key, hostile(inside)]));
}
