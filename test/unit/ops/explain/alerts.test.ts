import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { connectCause } from '../../../../src/transport/zmtp/causes.ts';
import { processStatus } from '../statuses.ts';
import { explained, NO_ATTEMPTS, NOBODY_GONE, NONE, reasonLike, type Situation } from './situation.ts';

const CHART = new URL('../../../../helm/lazypirate/', import.meta.url);
const COMMAND = 'lazypirate explain';

/** For each alert what makes it fire, and the reason that `explain` then gives. */
const REASONS: Record<string, readonly [Situation, RegExp]> = {
  LazypirateNoEndpoints: [
    {
      endpoints: [
        {
          state: 'down',
          trouble: connectCause(Object.assign(new Error(), { code: 'ECONNREFUSED' })),
          sinceMs: 90_000,
        },
      ],
      recent: { outcomes: { ...NONE, no_endpoints: 9 } },
    },
    /is down since .*nobody listens there/,
  ],
  LazypirateFailures: [
    {
      recent: {
        outcomes: { ...NONE, ok: 50, timeout: 50 },
        attempts: { ...NO_ATTEMPTS, ok: 50, timeout: 150 },
      },
      attempts: { 'tcp://10.0.0.1:7000': { answered: 50, unanswered: 150 } },
    },
    /75% of the attempts time out/,
  ],
  LazypirateClientsGone: [
    {
      recent: {
        outcomes: { ...NONE, ok: 90, client_gone: 10 },
        clientGone: { ...NOBODY_GONE, ok: 10 },
        goneP50Ms: 1_000,
      },
    },
    /Apps leave before they get an answer/,
  ],
  LazypirateAttempts: [
    { recent: { attempts: { ...NO_ATTEMPTS, ok: 80, unsent: 20 } } },
    /Connections to the servers drop/,
  ],
  LazypirateRetries: [
    { recent: { retries: { unsent: 0, lost: 6, timeout: 6, protocol: 0, hedge: 0 } } },
    /sent more than once/,
  ],
  LazypirateRetriesDenied: [
    { recent: { retriesDenied: { budget: 1, deadline: 0, policy: 0 } } },
    /retry budget is used up/,
  ],
  LazypirateSlow: [
    { recent: { p50Ms: 900, p99Ms: 1_500, replyP50Ms: 800, replyP99Ms: 1_400 } },
    /slow because the servers are/,
  ],
  LazypirateDiscoveryStale: [
    {
      route: {
        discovery: {
          ...{ isFixed: false, state: 'lost', syncedMs: 1_000_000, why: 'https://10.96.0.1: no answer' },
          failure: { reason: 'unreachable', source: 'api_server', isRefused: false, sinceMs: 990_000 },
        },
      },
    },
    /Changes of the endpoints are not seen: the API server cannot be reached/,
  ],
  LazypirateReloadFailed: [
    { sidecar: { refusedReload: { at: new Date(0), problems: ['routes: must be a list'] } } },
    /configuration change .* was refused/,
  ],
  LazypirateUnaccounted: [{ totals: { received: 101 } }, /does not know what became of 1 request/],
  LazypirateEventLoopLag: [
    { sidecar: { process: processStatus({ eventLoop: { busy: 0.6, lateMs: 200 } }) } },
    /stood still for 200 ms in the last minute/,
  ],
  LazypirateDescriptors: [
    { sidecar: { process: processStatus({ descriptors: { open: 900, most: 1_000 } }) } },
    /runs out of file descriptors/,
  ],
};

/** There is nobody to ask: the command says that, and what to look at. */
const UNANSWERED = ['LazypirateSidecarMissing'];

function alerts(): string[] {
  const rules = readFileSync(new URL('templates/_alerts.tpl', CHART), 'utf8');
  return [...rules.matchAll(/^- alert: (\w+)$/gm)].map(([, name]) => name ?? '');
}

test('each alert has its reason', () => {
  assert.deepEqual([...Object.keys(REASONS), ...UNANSWERED].toSorted(), alerts().toSorted());
});

for (const [alert, [situation, text]] of Object.entries(REASONS))
  test(`when ${alert} fires, explain gives the reason and what to do`, () => {
    const { advice } = reasonLike(explained(situation), text);
    assert.ok(advice);
  });

test('each section of the runbook begins with the command', () => {
  const runbook = readFileSync(new URL('RUNBOOK.md', CHART), 'utf8');
  for (const alert of alerts()) {
    const section = runbook.split(`## ${alert}\n`)[1] ?? '';
    assert.ok(section.trimStart().split('\n')[0]?.includes(COMMAND), alert);
  }
});
