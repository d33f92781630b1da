import type { ObservedAttempt, ObservedRequest } from '../../src/proxy/events.ts';

/** A request that timed out, but for what the test says, with these attempts. */
export function observedRequest(
  given: Partial<Omit<ObservedRequest, 'attempts'>> = {},
  attempts: readonly Partial<Omit<ObservedAttempt, 'request'>>[] = [],
): ObservedRequest {
  const all: ObservedAttempt[] = [];
  const request: ObservedRequest = {
    number: 42,
    id: 'orders.k3x9ab.42',
    from: '127.0.0.1:53122',
    client: { hasLeft: false },
    route: 'orders',
    bytes: 12,
    arrivedMs: 1_000,
    cause: 'timeout',
    failure: { code: 'TIMEOUT', message: 'no reply in time' },
    outcome: 'timeout',
    elapsedMs: 7_512.12345,
    executed: 'maybe',
    replyBytes: 0,
    ...given,
    attempts: all,
  };
  const timedOut = {
    request,
    endpoint: { address: 'tcp://10.1.2.3:7000' },
    sentMs: 1_000,
    endedMs: 3_500,
    result: 'timeout',
    isUnsent: false,
  } as const;
  all.push(...attempts.map((attempt) => ({ ...timedOut, ...attempt })));
  return request;
}
