import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordOf } from '../../../src/ops/record.ts';
import { observedRequest } from '../../support/observed-request.ts';

const endpoint = { address: 'tcp://10.1.2.3:7000', pod: 'orders-1', node: 'worker-2' };

test('a record tells when a request came, from where, and what became of each attempt at which pod', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.parse('2026-11-27T16:40:07.635Z') });
  t.mock.method(performance, 'now', () => 8_512);
  const request = observedRequest({}, [
    { endpoint, sentMs: 1_001.2, endedMs: 3_501.6 },
    {
      endpoint: { address: 'tcp://10.1.2.4:7000' },
      sentMs: 3_600,
      endedMs: 3_600.5,
      result: 'unsent',
      isUnsent: true,
    },
  ]);
  assert.deepEqual(recordOf(request), {
    id: 'orders.k3x9ab.42',
    route: 'orders',
    at: '2026-11-27T16:40:00.123Z',
    from: '127.0.0.1:53122',
    process: null,
    outcome: 'timeout',
    cause: 'timeout',
    message: 'no reply in time',
    executed: 'maybe',
    requestBytes: 12,
    replyBytes: 0,
    waitedMs: 1.2,
    elapsedMs: 7_512.123,
    attempts: [
      {
        endpoint: 'tcp://10.1.2.3:7000',
        pod: 'orders-1',
        node: 'worker-2',
        zone: null,
        sentMs: 1.2,
        ms: 2_500.4,
        result: 'timeout',
        executed: 'maybe',
      },
      {
        endpoint: 'tcp://10.1.2.4:7000',
        pod: null,
        node: null,
        zone: null,
        sentMs: 2_600,
        ms: 0.5,
        result: 'unsent',
        executed: 'no',
      },
    ],
  });
});

test('a request that was never sent has waited all its time', () => {
  const { waitedMs, attempts } = recordOf(observedRequest());
  assert.deepEqual([waitedMs, attempts], [7_512.123, []]);
});

test('a reply shows that its attempt was executed, and has no message, even if something had failed before', () => {
  const request = observedRequest({ cause: 'ok', outcome: 'ok' }, [{ result: 'ok' }]);
  const { message, attempts } = recordOf(request);
  assert.deepEqual([message, attempts[0]?.executed], [null, 'yes']);
});

test('a record keeps the last 32 attempts and a message of 500 characters at most', () => {
  const failure = { code: 'NO_ENDPOINTS', message: 'x'.repeat(10_000) } as const;
  const sent = Array.from({ length: 40 }, (_, i) => ({ sentMs: 1_000 + i }));
  const { attempts, attemptsOmitted, message } = recordOf(observedRequest({ failure }, sent));
  assert.deepEqual([attempts.length, attempts[0]?.sentMs, attemptsOmitted], [32, 8, 8]);
  assert.equal(message?.length, 500);
});
