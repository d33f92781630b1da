import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routeStatus } from '../statuses.ts';
import { explained, lacks, NONE, reasonLike, up } from './situation.ts';

const A = 'tcp://10.0.0.1:7000';
const overloaded = { outcomes: { ...NONE, ok: 70, overloaded: 30 } };

test('a full queue is told with what fills it, and which limit to raise', () => {
  const all = explained({
    endpoints: [up(A, { inFlight: 8, inFlightLimit: 8, pod: 'orders-0' })],
    recent: overloaded,
    route: { queued: 1_024, inFlight: 8 },
    records: [{ outcome: 'overloaded', message: 'too many requests are already waiting' }],
  });
  assert.equal(all.verdict.state, 'degraded');
  const { text, evidence, advice } = reasonLike(all, /OVERLOADED/);
  assert.equal(
    text,
    '30 of 100 requests of the last minute were refused as OVERLOADED: too many requests are already waiting.',
  );
  assert.deepEqual(evidence, [
    'Now 1,024 of at most 1,024 requests wait, and 8 of at most 256 are in flight.',
    'At their limit: pod orders-0 (tcp://10.0.0.1:7000) with 8 of 8.',
  ]);
  assert.match(
    advice ?? '',
    /Add upstream pods.*`limits\.inFlightPerEndpoint` \(now 8, or 64 with correlation\)/,
  );
});

test('where the route has its own limit reached, that is the one to raise', () => {
  const all = explained({ recent: overloaded, route: { inFlight: 256 } });
  assert.match(reasonLike(all, /OVERLOADED/).advice ?? '', /Raise `limits\.inFlight` \(now 256\)/);
});

test('where the sidecar has lowered the limit of slow servers, no limit is to be raised', () => {
  const all = explained({ endpoints: [up(A, { inFlight: 1, inFlightLimit: 1 })], recent: overloaded });
  const { all: words, advice } = reasonLike(all, /OVERLOADED/);
  assert.match(words, /lowered the limit of 1 endpoint, because attempts time out/);
  assert.match(advice ?? '', /too slow for this load/);
});

test('requests that waited until it was too late say so', () => {
  const message = 'the request waited so long that no reply could come in time';
  const all = explained({ recent: overloaded, records: [{ outcome: 'overloaded', message }] });
  reasonLike(all, /OVERLOADED: the request waited so long that no reply could come in time\.$/);
  reasonLike(explained({ recent: overloaded }), /refused as OVERLOADED\.$/);
});

test('requests that wait for busy servers are a note, while none is refused', () => {
  const busy = { endpoints: [up(A, { inFlight: 8, inFlightLimit: 8 })], route: { queued: 12, inFlight: 8 } };
  assert.equal(reasonLike(explained(busy), /^12 requests wait for room at the servers/).severity, 'note');
  lacks(explained({ ...busy, endpoints: [up(A)] }), /wait for room/);
});

test('a retry budget that is used up is told, with what it allows', () => {
  const retriesDenied = { budget: 9, deadline: 0, policy: 0 };
  const { text, evidence } = reasonLike(explained({ recent: { retriesDenied } }), /retry budget/);
  assert.match(text, /9 failed attempts of the last minute were not retried/);
  assert.match(evidence[0] ?? '', /20% of the requests.*`budget\.ratio`.*10 a second/);
});

test('a deadline too short for the attempts is told with both numbers', () => {
  const { settings } = routeStatus('orders');
  const retry = { ...settings.requests.retry, attempts: 3, timeoutMs: 2_500, deadlineMs: 5_000 };
  const recent = { retriesDenied: { budget: 0, deadline: 4, policy: 0 } };
  const all = explained({
    recent,
    route: { settings: { ...settings, requests: { ...settings.requests, retry } } },
  });
  reasonLike(all, /deadline of 5 s leaves no time for 3 attempts of 2\.5 s: 4 failed attempts/);
  lacks(explained({ recent }), /leaves no time/);
});

test('slow requests: the servers, or the waiting in front of them', () => {
  const server = explained({ recent: { p50Ms: 800, p99Ms: 2_000, replyP50Ms: 700, replyP99Ms: 1_800 } });
  reasonLike(server, /slow because the servers are/);
  const waiting = explained({ recent: { p50Ms: 800, p99Ms: 2_000, replyP50Ms: 5, replyP99Ms: 20 } });
  reasonLike(waiting, /the servers are not/);
  lacks(explained({}), /slow/);
});
