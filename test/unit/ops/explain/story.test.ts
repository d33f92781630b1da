import assert from 'node:assert/strict';
import { test } from 'node:test';
import { story } from '../../../../src/ops/explain/story.ts';
import type { AttemptRecord } from '../../../../src/ops/record.ts';
import { record } from './situation.ts';

function attempt(given: Partial<AttemptRecord>): AttemptRecord {
  return {
    ...{ endpoint: 'tcp://10.0.0.1:7000', pod: 'orders-0', node: null, zone: null },
    ...{ sentMs: 1.2, ms: 2_500, result: 'timeout', executed: 'maybe' },
    ...given,
  };
}

test('a request that failed is told with each attempt, the outcome, and whether it may have run', () => {
  const attempts = [
    attempt({}),
    attempt({ sentMs: 2_530, ms: 40, result: 'lost', pod: null, endpoint: 'tcp://10.0.0.2:7000' }),
  ];
  const message = 'the connection dropped';
  const told = record({ attempts, message, process: 'python3[1234]', waitedMs: 12 });
  assert.deepEqual(story(told), [
    'Request orders.k3x9ab.42 came to route orders at 2026-11-27T12:09:50.123Z from 127.0.0.1:53122 (python3[1234]), with 12 bytes.',
    'It waited 12 ms until it could be sent.',
    'Attempt 1 went to pod orders-0 (tcp://10.0.0.1:7000) after 1.2 ms: no reply within 2.5 s.',
    'Attempt 2 went to tcp://10.0.0.2:7000 after 2.5 s: its connection dropped after 40 ms, before the reply.',
    'After 7.5 s the app got the failure TIMEOUT: the connection dropped. A server may have executed it.',
  ]);
});

test('a request that was never sent says so', () => {
  const told = record({
    outcome: 'no_endpoints',
    waitedMs: 10_000,
    elapsedMs: 10_000,
    executed: 'no',
    from: null,
  });
  assert.deepEqual(story(told).slice(1), [
    'It waited 10 s and was never sent.',
    'After 10 s the app got the failure NO_ENDPOINTS. No server has executed it.',
  ]);
});

test('a late reply that answered it is called that', () => {
  const told = record({
    outcome: 'ok',
    cause: 'ok',
    attempts: [attempt({})],
    replyBytes: 5,
    elapsedMs: 2_700,
  });
  assert.equal(
    story(told).at(-1),
    'After 2.7 s the app got the reply, of 5 bytes. It was the late reply to an attempt that had timed out.',
  );
});

test('an app that left is told, with how far its request was', () => {
  const left = record({
    outcome: 'client_gone',
    message: 'no reply had come when the app left',
    attempts: [attempt({ result: 'cancelled', ms: 900 })],
    elapsedMs: 902,
  });
  assert.deepEqual(story(left).slice(1), [
    'Attempt 1 went to pod orders-0 (tcp://10.0.0.1:7000) after 1.2 ms: after 900 ms nobody waited for it any more.',
    'After 902 ms the app had left, and got nothing (TIMEOUT: no reply had come when the app left). A server may have executed it.',
  ]);
  const answered = record({ outcome: 'client_gone', cause: 'ok', attempts: [attempt({ result: 'ok' })] });
  assert.match(story(answered).at(-1) ?? '', /The reply had come\.$/);
});

test('each result of an attempt has its words, and attempts that are not kept are counted', () => {
  const words = (['ok', 'unsent', 'protocol'] as const).map(
    (result) => story(record({ attempts: [attempt({ result, ms: 30 })], attemptsOmitted: 4 }))[2],
  );
  assert.match(words[0] ?? '', /^Attempt 5 .* the reply came after 30 ms\.$/);
  assert.match(words[1] ?? '', /gone before it was sent, so the server never saw it/);
  assert.match(words[2] ?? '', /not a reply/);
  assert.equal(
    story(record({ attempts: [attempt({})], attemptsOmitted: 4 }))[1],
    '4 attempts before these are not kept.',
  );
});
