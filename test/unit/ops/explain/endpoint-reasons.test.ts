import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NEW, NO_HANDSHAKE, tooManyUnanswered } from '../../../../src/proxy/upstream/trouble.ts';
import { CLOSED, connectCause, tooSlow } from '../../../../src/transport/zmtp/causes.ts';
import { explained, lacks, NO_ATTEMPTS, NONE, reasonLike, up } from './situation.ts';

const [A, B, C] = ['tcp://10.0.0.1:7000', 'tcp://10.0.0.2:7000', 'tcp://10.0.0.3:7000'];
const DOWN = { state: 'down', sinceMs: 240_000, trouble: CLOSED } as const;
const REFUSED = connectCause(Object.assign(new Error(), { code: 'ECONNREFUSED' }));
const EJECTED = { state: 'ejected', trouble: tooManyUnanswered('5 failures in a row', 'no_reply') } as const;

test('a pod that is gone is told with its name, since when, and why; others go on', () => {
  const all = explained({
    endpoints: [up(A), { ...DOWN, address: B, pod: 'orders-1', newest: REFUSED }, up(C)],
  });
  assert.equal(all.verdict.state, 'degraded');
  assert.match(
    all.verdict.text,
    /^No request of route orders fails, so this can wait until morning\. All 100/,
  );
  const { text, severity, evidence, advice } = reasonLike(all, /orders-1/);
  assert.equal(
    text,
    'Pod orders-1 (tcp://10.0.0.2:7000) is down since 12:06:00 UTC (4 min): the peer closed the connection; since then: nobody listens there (connection refused).',
  );
  assert.equal(severity, 'degraded');
  assert.ok(evidence.includes('2 other endpoints take the requests meanwhile.'));
  assert.match(
    advice ?? '',
    /^Find out why the server ended .*, and start it again\..*kubectl describe pod orders-1/,
  );
});

test('without any endpoint the route is broken, and the verdict says since when', () => {
  const endpoints = [A, B].map((address, index) => ({ ...DOWN, address, sinceMs: 1_000 * (index + 30) }));
  const recent = { received: 4, outcomes: { ...NONE, no_endpoints: 4 } };
  const all = explained({
    ...{ endpoints, recent, route: { queued: 3 }, totals: { attempts: { ...NO_ATTEMPTS, ok: 9 } } },
    attempts: { [A]: { answered: 9, unanswered: 1 } },
  });
  assert.deepEqual(all.verdict, {
    state: 'broken',
    text: 'Route orders does not work: no request can be sent since 12:09:30 UTC (30 s). All 4 requests of the last minute failed (NO_ENDPOINTS). 3 requests are open.',
  });
  const { severity, evidence } = reasonLike(
    all,
    /^2 of 2 endpoints cannot be used: the peer closed the connection/,
  );
  assert.equal(severity, 'broken');
  assert.deepEqual(evidence, [
    'tcp://10.0.0.1:7000 is down since 12:09:30 UTC (30 s). Before that, in the last minute, it answered 9 of 10 attempts.',
    'tcp://10.0.0.2:7000 is down since 12:09:29 UTC (31 s).',
  ]);
});

test('an ejected pod is told with its failures in a row, its share, and the next probe', () => {
  const pod = {
    ...{ ...EJECTED, address: B, pod: 'orders-1', sinceMs: 90_000 },
    ...{ failuresInARow: 7, nextProbeMs: 12_000 },
  };
  const all = explained({ endpoints: [up(A), pod], attempts: { [B]: { answered: 0, unanswered: 12 } } });
  const { text, evidence, advice } = reasonLike(all, /ejected/);
  assert.match(text, /^Pod orders-1 .* is ejected since 12:08:30 UTC \(1 min 30 s\): 5 failures in a row/);
  assert.deepEqual(evidence, [
    'It has failed 7 times in a row; the next probe is in 12 s.',
    'In the last minute it answered 0 of 12 attempts.',
    'One other endpoint takes the requests meanwhile.',
  ]);
  assert.match(advice ?? '', /If it is stopped .* if it hangs, `kubectl delete pod orders-1`/);
});

test('an ejected pod that does reply, but too late, is not to be deleted', () => {
  const pod = { ...EJECTED, address: B, pod: 'orders-1', latencyMs: 4_000 };
  const { evidence, advice } = reasonLike(explained({ endpoints: [up(A), pod] }), /ejected/);
  assert.equal(evidence[0], 'It does reply, but late: after 4 s.');
  assert.match(advice ?? '', /raise `timeout` \(now 2\.5 s\) above 4 s/);
  assert.doesNotMatch(advice ?? '', /delete/);
});

test('a long explanation becomes a short headline, and says below what it means', () => {
  const { text, evidence } = reasonLike(
    explained({
      endpoints: [up(A), { ...DOWN, address: B, trouble: tooSlow(true, 15_000), newest: NO_HANDSHAKE }],
    }),
    /says nothing/,
  );
  assert.match(text, /: the peer accepts connections and says nothing within 15s\.$/);
  assert.equal(
    evidence[0],
    'That means: it is stopped or hangs, something on the way holds it back, or it is not ZeroMQ.',
  );
});

test('an endpoint that is being connected for the first time is no trouble yet, and later it is', () => {
  const connecting = { address: A, state: 'connecting', trouble: NEW } as const;
  const young = explained({
    endpoints: [{ ...connecting, sinceMs: 500 }],
    recent: { received: 0, outcomes: NONE, attempts: NO_ATTEMPTS },
    sidecar: { uptimeMs: 600 },
  });
  assert.equal(young.verdict.state, 'starting');
  assert.deepEqual(young.reasons, []);
  const old = explained({ endpoints: [{ ...connecting, sinceMs: 60_000 }, up(B)] });
  reasonLike(old, /10\.0\.0\.1:7000 has not connected once since 12:09:00 UTC \(1 min\)/);
});

test('a pod that is much slower than the others is named; near the timeout it is more than a note', () => {
  const slow = (latencyMs: number) =>
    explained({
      endpoints: [up(A, { latencyMs: 8 }), up(B, { latencyMs: 10 }), up(C, { latencyMs, pod: 'c' })],
    });
  const note = reasonLike(
    slow(300),
    /Pod c \(tcp:\/\/10\.0\.0\.3:7000\) takes 300 ms to reply, 38 times as long/,
  );
  assert.equal(note.severity, 'note');
  assert.equal(reasonLike(slow(1_400), /takes 1\.4 s/).severity, 'degraded');
  const { reasons } = explained({
    endpoints: [up(A, { latencyMs: 8 }), up(B, { latencyMs: 10 }), up(C, { latencyMs: 1_900 })],
    recent: { p99Ms: 1_900, replyP99Ms: 1_900 },
  });
  const requests = reasons.find(({ text }) => text.startsWith('Requests are slow because the servers are'));
  assert.equal(reasons[requests?.consequenceOf ?? -1]?.text.includes('times as long'), true);
  lacks(slow(20), /times as long/);
  lacks(explained({ endpoints: [up(A, { latencyMs: 0.5 }), up(B, { latencyMs: 5 })] }), /times as long/);
});

test('a pod that fails most attempts and is not ejected is named, with the shares of the others', () => {
  const attempts = { [A]: { answered: 99, unanswered: 1 }, [B]: { answered: 1, unanswered: 3 } };
  const all = explained({ endpoints: [up(A), up(B, { failuresInARow: 2 })], attempts });
  const { text, evidence } = reasonLike(all, /fails/);
  assert.equal(text, 'tcp://10.0.0.2:7000 fails 75% of its attempts: 3 of 4 in the last minute.');
  assert.deepEqual(evidence, [
    'The others: tcp://10.0.0.1:7000 1%.',
    'It has failed 2 times in a row so far.',
  ]);
});
