import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wrapped } from '../../../src/commands/explanation-lines.ts';
import type { Line } from '../../../src/commands/screen.ts';
import { statusLines } from '../../../src/commands/status-lines.ts';
import { tableLines } from '../../../src/commands/table.ts';
import { explain } from '../../../src/ops/explain/explanation.ts';
import { statusPage } from '../../../src/ops/status-page.ts';
import type { EndpointStatus } from '../../../src/proxy/status.ts';
import {
  endpointStatus,
  routeFigures,
  routeRecent,
  routeStatus,
  routeTotals,
  sidecarStatus,
} from '../ops/statuses.ts';

const { outcomes: NONE } = routeTotals();

function textOf(line: Line): string {
  const parts = typeof line === 'string' ? [line] : line;
  return parts.map((part) => (typeof part === 'string' ? part : part.text)).join('');
}

function pollOf(endpoints: Partial<EndpointStatus>[], atMs: number, received: number, failed = 0) {
  const outcomes = { ...NONE, ok: received - failed, timeout: failed };
  const status = statusPage(
    sidecarStatus({
      routes: [
        routeStatus('orders', {
          listening: 'tcp://127.0.0.1:5555',
          endpoints: endpoints.map((one) =>
            endpointStatus({ state: 'up', sinceMs: 600_000, why: 'connected', ...one }),
          ),
        }),
      ],
      figuresOf: () =>
        routeFigures({
          totals: routeTotals({ received, outcomes }),
          recent: routeRecent({ received: 120, outcomes: { ...NONE, ok: 120 }, p50Ms: 1.5, p99Ms: 20 }),
          endpoint: () => ({ answered: 119, unanswered: 1 }),
        }),
      refusedClientsOf: () => [],
    }),
  );
  return { atMs, status, explanation: explain(status, []) };
}

const POD = { address: 'tcp://10.0.0.1:7000', pod: 'orders-0', latencyMs: 1.2, inFlight: 2 };
const DOWN = {
  ...POD,
  address: 'tcp://10.0.0.22:7000',
  pod: 'orders-12',
  state: 'down',
  why: 'nobody answers there',
} as const;

test('a rate is not negative after a reload that gives the name to another route', () => {
  const polls = { before: pollOf([POD], 0, 10_000), now: pollOf([POD], 1_000, 5) };
  const cells = textOf(
    statusLines(polls, Number.POSITIVE_INFINITY).find((line) => textOf(line).startsWith('orders')) ?? '',
  );
  // That of the last minute: 120 requests in 60 s.
  assert.match(cells, /tcp:\/\/127\.0\.0\.1:5555 +2\.0 +0% /);
});

test('the verdict comes first, then routes, then endpoints, all aligned', () => {
  const lines = statusLines({ now: pollOf([POD, DOWN], 0, 200) }, Number.POSITIVE_INFINITY).map(textOf);
  assert.deepEqual(lines, [
    'lazypirate 1.2.3, up 1 h. Figures are of the last minute.',
    'DEGRADED  No request of route orders fails yet. All 120 requests of the last minute were answered:',
    '          1.5 ms median, 20 ms p99.',
    '- orders: Pod orders-12 (tcp://10.0.0.22:7000) is down since 12:00:00 UTC (10 min): nobody answers',
    '  there.',
    'What to do: lazypirate explain',
    '',
    'ROUTE   STATE     LISTEN                REQ/S  FAILED     P50    P99  IN FLIGHT  WAITING',
    'orders  degraded  tcp://127.0.0.1:5555    2.0      0%  1.5 ms  20 ms          0        0',
    '',
    'ENDPOINT              POD        STATE  SINCE                     LATENCY  IN FLIGHT  ANSWERED  WHY',
    'tcp://10.0.0.1:7000   orders-0   up     12:00:00 UTC (10 min)      1.2 ms        2/8   119/120  connected',
    'tcp://10.0.0.22:7000  orders-12  down   12:00:00 UTC (10 min)  was 1.2 ms        2/8   119/120  nobody answers there',
  ]);
});

test('on a narrow terminal the reasons go to lines of their own, so that none is cut', () => {
  const lines = statusLines({ now: pollOf([POD], 0, 200) }, 95).map(textOf);
  assert.ok(lines.at(-3)?.endsWith('ANSWERED'));
  assert.ok(lines.at(-2)?.endsWith('119/120'));
  assert.equal(lines.at(-1), '    connected');
});

test('columns that do not fit go below, each number with its name', () => {
  const lines = statusLines({ now: pollOf([POD], 0, 200) }, 60).map(textOf);
  assert.deepEqual(lines.slice(-8), [
    'ROUTE   STATE    LISTEN                REQ/S  FAILED     P50',
    'orders  working  tcp://127.0.0.1:5555    2.0      0%  1.5 ms',
    '    P99 20 ms, IN FLIGHT 0, WAITING 0',
    '',
    'ENDPOINT             POD       STATE  SINCE',
    'tcp://10.0.0.1:7000  orders-0  up     12:00:00 UTC (10 min)',
    '    LATENCY 1.2 ms, IN FLIGHT 2/8, ANSWERED 119/120',
    '    connected',
  ]);
});

test('without pods there is no column for them', () => {
  const { pod: _, ...bare } = POD;
  const lines = statusLines({ now: pollOf([bare], 0, 200) }, 200).map(textOf);
  assert.match(lines.at(-2) ?? '', /^ENDPOINT +STATE/);
});

test('with a poll before, rates are those in between', () => {
  const polls = { before: pollOf([POD], 1_000, 200), now: pollOf([POD], 3_000, 240, 10) };
  const row = statusLines(polls, 200)
    .map(textOf)
    .find((line) => line.startsWith('orders'));
  assert.match(row ?? '', / 20 +25% /);
});

test('without endpoints, it says why', () => {
  const now = pollOf([], 0, 0);
  const [route] = now.status.routes;
  assert.ok(route);
  route.discovery.why = 'Service orders selects no pods';
  assert.equal(
    textOf(statusLines({ now }, 80).at(-1) ?? ''),
    'orders: no endpoints: Service orders selects no pods',
  );
});

test('a table is as wide as it must be, and colours do not count', () => {
  const rows = [{ cells: ['a', { text: 'red', color: 31 }, 'x'] }, { cells: ['bbbb', 'b', 'y'] }];
  assert.deepEqual(tableLines(['H', '>NUMBER', 'END'], rows, 80).map(textOf), [
    'H     NUMBER  END',
    'a        red  x',
    'bbbb       b  y',
  ]);
});

test('texts are broken between words, and a word that is too long stays whole', () => {
  assert.deepEqual(wrapped('one two three averyveryverylongword four', 10, '  '), [
    ...['  one two', '  three', '  averyveryverylongword', '  four'],
  ]);
  const [line] = wrapped('`See` `kubectl logs orders` now', 8).slice(1);
  assert.equal(line, '`kubectl logs orders`');
});
