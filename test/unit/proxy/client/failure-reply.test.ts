import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureBody } from '../../../../src/proxy/client/failure-reply.ts';
import { FAILURE_CODES, FAILURE_STATUS } from '../../../../src/proxy/outcome.ts';
import type { FailureFormat } from '../../../../src/proxy/settings.ts';
import { framesOf as splitFrames } from '../../../../src/transport/message.ts';
import { observedRequest } from '../../../support/observed-request.ts';

const framesOf = (format: FailureFormat) => splitFrames(failureBody(failed, format)?.chunks ?? []);

const failed = observedRequest({}, [
  { sentMs: 1_001.2, endedMs: 3_501.6 },
  { endpoint: { address: 'tcp://10.1.2.4:7000', pod: 'orders-1', node: 'worker-2' }, result: 'lost' },
]);
/** Apps rely on the first seven keys. */
const told = {
  status: 504,
  code: 'TIMEOUT',
  message: 'no reply in time',
  route: 'orders',
  attempts: 2,
  executed: 'maybe',
  elapsedMs: 7_512,
  requestId: 'orders.k3x9ab.42',
  waitedMs: 1.2,
  tried: [
    { endpoint: 'tcp://10.1.2.3:7000', result: 'timeout', ms: 2_500.4 },
    { endpoint: 'tcp://10.1.2.4:7000', pod: 'orders-1', result: 'lost', ms: 2_500 },
  ],
};
const json = JSON.stringify({ lazypirate: told });

test('json is one frame, so that a single-frame recv works', () => {
  assert.deepEqual(framesOf({ format: 'json' }).map(String), [json]);
});

test('multipart is the name, the status and the same JSON', () => {
  assert.deepEqual(framesOf({ format: 'multipart' }).map(String), ['LAZYPIRATE', '504', json]);
});

test('at most the last eight attempts are told, and all are counted', () => {
  const attempts = Array.from({ length: 20 }, (_, i) => ({ endedMs: 1_000 + i }));
  const [frame] = splitFrames(failureBody(observedRequest({}, attempts), { format: 'json' })?.chunks ?? []);
  const { lazypirate } = JSON.parse(String(frame));
  assert.equal(lazypirate.attempts, 20);
  assert.deepEqual(
    lazypirate.tried.map(({ ms }: { ms: number }) => ms),
    [12, 13, 14, 15, 16, 17, 18, 19],
  );
});

test('a request that was never sent has waited to its end, and tried nothing', () => {
  const [frame] = splitFrames(failureBody(observedRequest(), { format: 'json' })?.chunks ?? []);
  const { waitedMs, tried } = JSON.parse(String(frame)).lazypirate;
  assert.deepEqual([waitedMs, tried], [7_512.123, []]);
});

test('static is the bytes that the user gave', () => {
  const body = Buffer.from([0, 255, 7]);
  assert.deepEqual(framesOf({ format: 'static', body }), [body]);
});

test('silent is nothing at all', () => {
  assert.equal(failureBody(failed, { format: 'silent' }), undefined);
});

test('the codes and their statuses are the contract', () => {
  assert.deepEqual(FAILURE_STATUS, {
    NO_ENDPOINTS: 503,
    TIMEOUT: 504,
    LOST: 502,
    OVERLOADED: 429,
    TOO_LARGE: 413,
    REPLY_TOO_LARGE: 502,
    DRAINING: 503,
    INTERNAL: 500,
  });
  assert.equal(FAILURE_CODES.length, 8);
});
