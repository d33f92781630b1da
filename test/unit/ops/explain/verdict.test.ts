import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Trouble } from '../../../../src/proxy/status.ts';
import { IN_HANDSHAKE, NEW } from '../../../../src/proxy/upstream/trouble.ts';
import { ended } from '../../../../src/transport/connection-end.ts';
import { endpointStatus, routeStatus } from '../statuses.ts';
import { explained, NO_ATTEMPTS, NOBODY_GONE, NONE, up } from './situation.ts';

test('a healthy sidecar says so, with its figures and nothing else', () => {
  const { verdict, reasons, at } = explained({});
  assert.deepEqual(reasons, []);
  assert.equal(at, '2026-11-27T12:10:00.000Z');
  assert.deepEqual(verdict, {
    state: 'working',
    text: 'All is well. All 100 requests of the last minute were answered: 1.5 ms median, 4 ms p99.',
  });
});

test('in the first minute it says over how long it has counted', () => {
  assert.match(explained({ recent: { seconds: 12.3 } }).verdict.text, /All 100 requests of the last 12 s/);
});

test('of a single request it does not say that all of them were answered', () => {
  const { text } = explained({ recent: { outcomes: { ...NONE, ok: 1 } } }).verdict;
  assert.match(text, /The only request of the last minute was answered: 1\.5 ms median/);
});

test('attempts that failed without harm are told in the verdict', () => {
  const attempts = { ...NO_ATTEMPTS, ok: 1_000, lost: 2 };
  assert.match(explained({ recent: { attempts } }).verdict.text, /answered, though 2 attempts failed/);
});

test('what failed half a minute ago and goes well again is not called broken', () => {
  const recent = { outcomes: { ...NONE, ok: 20, timeout: 80 } };
  assert.equal(explained({ recent }).verdict.state, 'broken');
  const recovered = explained({ recent, latest: { outcomes: { ...NONE, ok: 20 } } }).verdict;
  assert.equal(recovered.state, 'working');
  assert.match(
    recovered.text,
    /80 of 100 requests failed in the last minute \(TIMEOUT\), but it is working again\./,
  );
});

test('without a request in the last minute, none is said to be answered', () => {
  const quiet = { received: 0, outcomes: NONE, attempts: NO_ATTEMPTS };
  const refusedReload = { at: new Date(0), problems: ['x'] };
  assert.equal(
    explained({ recent: quiet, latest: quiet, sidecar: { refusedReload } }).verdict.text,
    'Something is wrong with the sidecar. No request ended in the last minute.',
  );
  const down = { address: 'tcp://10.0.0.1:7000', state: 'down', why: 'x', sinceMs: 5_000 } as const;
  assert.equal(
    explained({ endpoints: [down, up('tcp://10.0.0.2:7000')], recent: quiet, latest: quiet }).verdict.text,
    'Not all is well (route orders). No request ended in the last minute.',
  );
});

test('one request in a hundred that fails is degraded, one in a thousand is not', () => {
  const of = (ok: number) => explained({ recent: { outcomes: { ...NONE, ok, lost: 1 } } }).verdict;
  assert.equal(of(99).state, 'degraded');
  assert.equal(of(999).state, 'working');
  assert.match(of(999).text, /1 of 1,000 requests failed in the last minute/);
});

test('a reply that found its app gone is no failure', () => {
  const { outcomes, clientGone } = {
    outcomes: { ...NONE, ok: 99, client_gone: 1 },
    clientGone: { ...NOBODY_GONE, ok: 1 },
  };
  assert.match(explained({ recent: { outcomes, clientGone } }).verdict.text, /All 100 requests/);
});

const LOST = {
  isFixed: false,
  state: 'lost',
  syncedMs: 9_000,
  why: 'https://10.96.0.1: no answer',
  failure: { reason: 'unreachable', source: 'api_server', isRefused: false, sinceMs: 5_000 },
} as const;

test('the reasons that break it come before those that do not', () => {
  const down = {
    address: 'tcp://10.0.0.1:7000',
    state: 'down',
    why: 'nobody answers there',
    sinceMs: 5_000,
  } as const;
  const { reasons } = explained({
    endpoints: [down],
    // Without the severity, this would come first: it is what the endpoints come from.
    route: { discovery: LOST },
    recent: { malformed: 1, outcomes: { ...NONE, no_endpoints: 5 } },
    sidecar: { refusedReload: { at: new Date(0), problems: ['x'] } },
  });
  assert.deepEqual(
    reasons.map(({ severity }) => severity),
    ['broken', 'degraded', 'degraded', 'degraded'],
  );
});

test('a sidecar that has just started and knows why nothing works does not call that starting', () => {
  const of = (trouble: Trouble, newest?: Trouble) =>
    explained({
      endpoints: [{ state: 'connecting', sinceMs: 500, trouble, newest }],
      recent: { outcomes: NONE, attempts: NO_ATTEMPTS, received: 0 },
      sidecar: { uptimeMs: 600 },
    }).verdict;
  assert.equal(of(NEW).state, 'starting');
  assert.equal(of(NEW, IN_HANDSHAKE).state, 'starting');
  assert.equal(of(ended('nobody_listens', 'nobody listens there (connection refused)')).state, 'broken');
});

test('the last request that failed is named, with the command that tells its story', () => {
  const recent = { outcomes: { ...NONE, ok: 99, timeout: 1 } };
  const records = [{ outcome: 'ok', id: 'slow' }, { id: 'orders.k3x9ab.42' }, { id: 'older' }] as const;
  const { reasons } = explained({ recent, records: [...records] });
  const last = reasons.at(-1);
  assert.equal(
    last?.text,
    'The last request that failed is orders.k3x9ab.42, of 12:09:50 UTC: TIMEOUT after 7.5 s, never sent.',
  );
  assert.match(last?.advice ?? '', /`lazypirate explain orders\.k3x9ab\.42`.*`lazypirate tap`/);
  assert.deepEqual(explained({ records: [...records] }).reasons, [], 'none failed in the last minute');
});

test('the command is for a request that was sent, if there is one: another tells nothing of the servers', () => {
  const recent = { outcomes: { ...NONE, ok: 99, overloaded: 1 } };
  const attempt = { endpoint: 'tcp://10.0.0.1:7000', pod: null, node: null, zone: null, sentMs: 0, ms: 1 };
  const attempts = [{ ...attempt, result: 'timeout', executed: 'maybe' } as const];
  const never = { id: 'never', outcome: 'overloaded' } as const;
  const retried = { id: 'retried', outcome: 'ok', attempts } as const;
  const commandOf = (...records: Parameters<typeof explained>[0]['records'] & object) =>
    /explain (\w+)/.exec(explained({ recent, records }).reasons.at(-1)?.advice ?? '')?.[1];
  assert.equal(commandOf(never, retried), 'retried');
  assert.equal(commandOf(never, retried, { id: 'failed', attempts }), 'failed');
});

test('a route where some requests succeed works badly, and one where none does does not work', () => {
  const of = (ok: number) => explained({ recent: { outcomes: { ...NONE, ok, timeout: 50 } } }).verdict.text;
  assert.match(of(10), /^Route orders works badly\. 50 of 60 requests failed in the last minute \(TIMEOUT\)/);
  assert.match(of(0), /^Route orders does not work\. All 50 requests of the last minute failed/);
});

test('a route that nothing can be sent to any more does not work, however well it went a moment ago', () => {
  const down = { state: 'down', trouble: ended('nobody_listens', 'nobody listens there') } as const;
  const { verdict } = explained({
    endpoints: [down],
    recent: { outcomes: { ...NONE, ok: 500, lost: 4 } },
    totals: { attempts: { ...NO_ATTEMPTS, ok: 500, lost: 4 } },
  });
  assert.match(
    verdict.text,
    /^Route orders does not work: no request can be sent since .* 4 of 504 requests/,
  );
});

test('figures that a route shares with the one that it replaces are told once', () => {
  const endpoints = [endpointStatus({ state: 'up' })];
  const serving = routeStatus('orders', { listening: 'tcp://127.0.0.1:5555', endpoints });
  const routes = [serving, { ...serving, listening: undefined }];
  const { verdict } = explained({ sidecar: { routes } });
  assert.equal(verdict.state, 'working');
  assert.match(verdict.text, /All 100 requests of the last minute were answered/);
});

test('what never could be sent is told with the time of the start', () => {
  const { verdict } = explained({
    endpoints: [],
    recent: { received: 4, outcomes: { ...NONE, no_endpoints: 4 }, attempts: NO_ATTEMPTS },
    sidecar: { startedAt: new Date('2026-11-27T12:08:00Z') },
  });
  assert.match(
    verdict.text,
    /^Route orders does not work: no request could be sent since the start at 12:08:00 UTC \(2 min\)\./,
  );
});

test('with one endpoint left, a failed one is not said to wait until morning', () => {
  const down = { address: 'tcp://10.0.0.2:7000', state: 'down', why: 'x', sinceMs: 5_000 } as const;
  const left = (...addresses: string[]) =>
    explained({ endpoints: [down, ...addresses.map((one) => up(one))] }).verdict.text;
  assert.match(left('tcp://10.0.0.1:7000'), /^No request of route orders fails yet\./);
  assert.match(left('tcp://10.0.0.1:7000', 'tcp://10.0.0.3:7000'), /can wait until morning\./);
});
