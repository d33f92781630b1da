import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureBody } from '../../../../src/proxy/client/failure-reply.ts';
import { FAILURE_CODES, FAILURE_STATUS } from '../../../../src/proxy/outcome.ts';
import type { FailureFormat } from '../../../../src/proxy/settings.ts';
import { framesOf as splitFrames } from '../../../../src/transport/message.ts';

const framesOf = (format: FailureFormat) => splitFrames(failureBody(failure, format)?.chunks ?? []);

const failure = {
  code: 'TIMEOUT',
  message: 'no reply in time',
  route: 'orders',
  attempts: 3,
  executed: 'maybe',
  elapsedMs: 7512.4,
} as const;
const json =
  '{"lazypirate":{"status":504,"code":"TIMEOUT","message":"no reply in time","route":"orders","attempts":3,"executed":"maybe","elapsedMs":7512}}';

test('json is one frame, so that a single-frame recv works', () => {
  assert.deepEqual(framesOf({ format: 'json' }).map(String), [json]);
});

test('multipart is the name, the status and the same JSON', () => {
  assert.deepEqual(framesOf({ format: 'multipart' }).map(String), ['LAZYPIRATE', '504', json]);
});

test('static is the bytes that the user gave', () => {
  const body = Buffer.from([0, 255, 7]);
  assert.deepEqual(framesOf({ format: 'static', body }), [body]);
});

test('silent is nothing at all', () => {
  assert.equal(failureBody(failure, { format: 'silent' }), undefined);
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
