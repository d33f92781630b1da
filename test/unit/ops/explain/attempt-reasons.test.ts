import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explained, lacks, NO_ATTEMPTS, NONE, reasonLike, up } from './situation.ts';

const A = 'tcp://10.0.0.1:7000';
const B = 'tcp://10.0.0.2:7000';

test('servers that answer nothing at all, not even late, are called mute', () => {
  const all = explained({
    recent: {
      received: 10,
      outcomes: { ...NONE, timeout: 10 },
      attempts: { ...NO_ATTEMPTS, timeout: 30 },
      ...{ replyP50Ms: undefined, replyP99Ms: undefined, p50Ms: undefined, p99Ms: undefined },
    },
    attempts: { [A]: { answered: 0, unanswered: 30 } },
  });
  assert.equal(all.verdict.state, 'broken');
  assert.match(all.verdict.text, /10 of 10 requests failed in the last minute \(10 timeout\)/);
  const { severity, evidence, advice } = reasonLike(all, /No server answers: every attempt .* after 2\.5 s/);
  assert.equal(severity, 'broken');
  assert.equal(evidence[0], '30 attempts of 30 had no reply within the timeout of 2.5 s in the last minute.');
  assert.match(advice ?? '', /raise `timeout`/);
});

test('late replies show that the timeout is too short: it says how long the servers take', () => {
  const all = explained({
    endpoints: [up(A, { latencyMs: 3_100 })],
    recent: {
      received: 10,
      outcomes: { ...NONE, ok: 10 },
      attempts: { ...NO_ATTEMPTS, timeout: 10 },
      lateReplies: { salvaged: 10, discarded: 2 },
    },
    attempts: { [A]: { answered: 0, unanswered: 10 } },
  });
  const { severity, all: words } = reasonLike(all, /slower than the timeout of 2\.5 s/);
  assert.equal(severity, 'degraded');
  assert.match(words, /12 replies came later: 10 still answered a request, 2 came when nobody waited/);
  assert.match(words, /tcp:\/\/10\.0\.0\.1:7000 3\.1 s/);
  assert.match(words, /raise `timeout` above 3\.1 s/);
});

test('what only an endpoint that is out failed is not blamed on the others', () => {
  const ejected = { address: B, state: 'ejected', why: '5 failures in a row: no reply in time' } as const;
  const recent = { attempts: { ...NO_ATTEMPTS, ok: 100, timeout: 8, lost: 2 } };
  const of = (unanswered: number) =>
    explained({ endpoints: [up(A), ejected], recent, attempts: { [A]: { answered: 100, unanswered } } });
  lacks(of(0), /time out|drop/);
  reasonLike(of(5), /7% of the attempts time out/);
});

test('connections that drop under way are told, with the servers that are up again', () => {
  const all = explained({
    endpoints: [up(A, { sinceMs: 30_000, pod: 'orders-0' }), up(B)],
    recent: { attempts: { ...NO_ATTEMPTS, ok: 97, lost: 3 } },
    attempts: { [A]: { answered: 40, unanswered: 3 } },
  });
  const { text, evidence, advice } = reasonLike(all, /drop while requests are under way/);
  assert.match(text, /3 attempts of 100 in the last minute/);
  assert.deepEqual(evidence, ['pod orders-0 (tcp://10.0.0.1:7000) is up again since 12:09:30 UTC (30 s).']);
  assert.match(advice ?? '', /OOMKilled/);
  const unsent = { recent: { attempts: { ...NO_ATTEMPTS, ok: 97, unsent: 3 } } };
  assert.match(reasonLike(explained(unsent), /drop/).advice ?? '', /firewall or NAT/);
});

test('a server that does not answer with a reply is told', () => {
  const all = explained({ recent: { attempts: { ...NO_ATTEMPTS, ok: 9, protocol: 1 } } });
  assert.match(reasonLike(all, /not a reply: 1 attempt of 10/).advice ?? '', /envelope/);
});

test('many retries are a note of their own, with what they are for', () => {
  const retries = { unsent: 0, lost: 2, timeout: 9, protocol: 0, hedge: 0 };
  const { severity, evidence } = reasonLike(
    explained({ recent: { retries } }),
    /11 retries for 100 requests/,
  );
  assert.equal(severity, 'note');
  assert.deepEqual(evidence, ['Because of: 9 timeout, 2 lost.']);
  lacks(explained({ recent: { retries: { ...retries, timeout: 0 } } }), /retries/);
});
