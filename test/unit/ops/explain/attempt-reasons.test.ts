import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tooManyUnanswered } from '../../../../src/proxy/upstream/trouble.ts';
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
  assert.match(all.verdict.text, /All 10 requests of the last minute failed \(TIMEOUT\)/);
  const { severity, text, advice } = reasonLike(all, /No server answers/);
  assert.equal(severity, 'broken');
  assert.equal(
    text,
    'No server answers: all 30 attempts of the last minute timed out after 2.5 s, and no reply came later.',
  );
  assert.match(advice ?? '', /raise `timeout` \(now 2\.5 s\)/);
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
  const { severity, text, all: words } = reasonLike(all, /The servers take/);
  assert.equal(severity, 'degraded');
  assert.equal(
    text,
    'The servers take about 3.1 s to reply, but `timeout` is 2.5 s: all 10 attempts of the last minute timed out.',
  );
  assert.match(words, /12 replies came late: 10 still answered their requests, 2 came when nobody waited/);
  assert.match(words, /tcp:\/\/10\.0\.0\.1:7000 3\.1 s/);
  assert.match(words, /raise `timeout` \(now 2\.5 s\) above 3\.1 s, and `deadline` \(now 10 s\) with it/);
});

const LATE = {
  ...{ received: 48, outcomes: { ...NONE, ok: 16, overloaded: 32 } },
  ...{ attempts: { ...NO_ATTEMPTS, timeout: 16 }, lateReplies: { salvaged: 16, discarded: 0 } },
  ...{ retries: { unsent: 0, lost: 0, timeout: 16, protocol: 0, hedge: 0 } },
  ...{ replyP50Ms: undefined, replyP99Ms: undefined },
};
const EJECTED = {
  ...({ address: B, state: 'ejected' } as const),
  trouble: tooManyUnanswered('the probe failed', 'no_reply'),
};

test('what follows from servers that are too slow stands behind that cause, and has no advice of its own', () => {
  const { reasons, verdict } = explained({
    endpoints: [up(A, { latencyMs: 4_000 }), { ...EJECTED, latencyMs: 4_000 }],
    recent: LATE,
    attempts: { [A]: { answered: 0, unanswered: 16 } },
  });
  assert.equal(
    verdict.text,
    'Route orders works badly. 32 of 48 requests failed in the last minute (OVERLOADED).',
  );
  const [cause, ...consequences] = reasons;
  assert.match(cause?.text ?? '', /^The servers take about 4 s to reply, but `timeout` is 2\.5 s/);
  assert.equal(cause?.consequenceOf, null);
  assert.deepEqual(
    consequences.map(({ text, consequenceOf, advice }) => [text.slice(0, 31), consequenceOf, advice]),
    [
      ['32 of 48 requests of the last m', 0, null],
      ['tcp://10.0.0.2:7000 is ejected ', 0, null],
      ['Many requests are sent more tha', 0, null],
    ],
  );
  const ejected = consequences.find(({ text }) => text.includes('ejected'));
  assert.deepEqual(ejected?.evidence, ['It does reply, but late: after 4 s.']);
  assert.deepEqual(cause?.evidence, ['16 replies came late and still answered their requests.']);
});

test('the reply times of servers are listed where they differ', () => {
  const { evidence } = reasonLike(
    explained({
      endpoints: [up(A, { latencyMs: 4_000 }), up(B, { latencyMs: 3_000 })],
      recent: LATE,
      attempts: { [A]: { answered: 0, unanswered: 16 } },
    }),
    /^The servers take about 4 s/,
  );
  assert.equal(
    evidence.at(-1),
    'Reply times, late ones included: tcp://10.0.0.1:7000 4 s, tcp://10.0.0.2:7000 3 s.',
  );
});

test('a stopped endpoint among slow ones does not follow from their being slow', () => {
  const all = explained({
    endpoints: [up(A, { latencyMs: 4_000 }), { ...EJECTED, latencyMs: 20 }],
    recent: LATE,
    attempts: { [A]: { answered: 0, unanswered: 16 } },
  });
  const { consequenceOf, advice } = reasonLike(all, /is ejected/);
  assert.equal(consequenceOf, null);
  assert.match(advice ?? '', /If it is stopped/);
});

test('what only an endpoint that is out failed is not blamed on the others', () => {
  const recent = { attempts: { ...NO_ATTEMPTS, ok: 100, timeout: 8, lost: 2 } };
  const of = (unanswered: number) =>
    explained({ endpoints: [up(A), EJECTED], recent, attempts: { [A]: { answered: 100, unanswered } } });
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
  const told = reasonLike(explained({ recent: { retries } }), /11 retries for 100 requests/);
  assert.equal(told.severity, 'note');
  assert.match(told.text, /\(because of: 9 timeout, 2 lost\)/);
  assert.match(told.advice ?? '', /^The apps do not notice/);
  const failing = explained({ recent: { retries, outcomes: { ...NONE, ok: 90, timeout: 10 } } });
  assert.doesNotMatch(reasonLike(failing, /11 retries/).advice ?? '', /do not notice/);
  lacks(explained({ recent: { retries: { ...retries, timeout: 0 } } }), /retries/);
});
