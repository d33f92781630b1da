import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { encode, rejectedIn, type SpanSettings, Spans, tracedIn } from '../../../../src/ops/tracing/spans.ts';
import { isNotable } from '../../../../src/ops/tracing/tracing.ts';
import type { ObservedAttempt, ObservedRequest, TraceParent } from '../../../../src/proxy/events.ts';
import { type ReceivedSpan, spansIn } from '../../../support/collector.ts';

const SETTINGS: SpanSettings = {
  sample: 1,
  followsParent: true,
  resource: { 'service.name': 'lazypirate' },
  version: '1.2.3',
};
const PARENT: TraceParent = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  isSampled: true,
};
const ENDPOINT = { address: 'tcp://10.1.2.3:7000', pod: 'orders-1', node: 'worker-2', zone: 'a' };

const ANSWERED: ObservedRequest = {
  id: 'orders.k3x9ab.42',
  number: 42,
  from: '127.0.0.1:53122',
  client: { hasLeft: false },
  route: 'orders',
  bytes: 12,
  arrivedMs: 1_000,
  replyBytes: 34,
  cause: 'ok',
  outcome: 'ok',
  executed: 'yes',
  elapsedMs: 10.5,
  failure: undefined,
  attempts: [],
};

type GivenAttempt = Partial<Omit<ObservedAttempt, 'request'>>;

function requestOf(attempts: readonly GivenAttempt[], given: Partial<ObservedRequest> = {}): ObservedRequest {
  const all: ObservedAttempt[] = [];
  const request = { ...ANSWERED, ...given, attempts: all };
  const usual = {
    endpoint: ENDPOINT,
    sentMs: 1_000.25,
    endedMs: 1_010,
    result: 'ok',
    isUnsent: false,
  } as const;
  for (const attempt of attempts) all.push({ ...usual, ...attempt, request });
  return request;
}

const spans = new Spans(SETTINGS);

/** What a collector gets of it, on Friday at 16:40, when the monotonic clock says 3,000 ms. */
function received(t: TestContext, request: ObservedRequest): [ReceivedSpan, ...ReceivedSpan[]] {
  t.mock.timers.reset();
  t.mock.timers.enable({ apis: ['Date'], now: Date.parse('2026-11-27T16:40:00.000Z') });
  t.mock.method(performance, 'now', () => 3_000);
  const [first, ...rest] = spansIn(Buffer.from(encode(spans.of(request))));
  assert.ok(first);
  return [first, ...rest];
}

/** Milliseconds after the request came. */
function ms(span: ReceivedSpan): [number, number] {
  const arrived = BigInt(Date.parse('2026-11-27T16:39:58.000Z')) * 1_000_000n;
  return [Number(span.start - arrived) / 1e6, Number(span.end - arrived) / 1e6];
}

const near = (got: readonly number[], wanted: readonly number[]) =>
  got.forEach(
    (one, index) => void assert.ok(Math.abs(one - (wanted[index] ?? Number.NaN)) < 0.001, `${got}`),
  );

test('a request is a SERVER span, and each attempt a CLIENT span in it', (t) => {
  const [request, attempt, ...more] = received(t, requestOf([{}]));
  assert.ok(attempt);
  assert.equal(more.length, 0);
  assert.match(request.traceId, /^[0-9a-f]{32}$/);
  assert.equal(request.parentId, '');
  assert.deepEqual([request.name, request.kind, request.status.code], ['orders', 2, 0]);
  assert.deepEqual([attempt.name, attempt.kind, attempt.status.code], ['orders attempt', 3, 0]);
  assert.deepEqual([attempt.traceId, attempt.parentId], [request.traceId, request.spanId]);
  assert.notEqual(attempt.spanId, request.spanId);
  near([...ms(request), ...ms(attempt)], [0, 10.5, 0.25, 10]);
  assert.deepEqual(request.attributes, {
    'rpc.system.name': 'zeromq',
    'network.transport': 'tcp',
    'client.address': '127.0.0.1',
    'client.port': 53_122,
    'lazypirate.route': 'orders',
    'lazypirate.request.id': 'orders.k3x9ab.42',
    'lazypirate.request.outcome': 'ok',
    'lazypirate.request.executed': 'yes',
    'lazypirate.request.attempts': 1,
    'lazypirate.request.bytes': 12,
    'lazypirate.request.waited_ms': 0.25,
    'lazypirate.reply.bytes': 34,
  });
  assert.deepEqual(attempt.attributes, {
    'rpc.system.name': 'zeromq',
    'network.transport': 'tcp',
    'server.address': '10.1.2.3',
    'server.port': 7_000,
    'lazypirate.endpoint.address': 'tcp://10.1.2.3:7000',
    'lazypirate.endpoint.pod': 'orders-1',
    'lazypirate.endpoint.node': 'worker-2',
    'lazypirate.endpoint.zone': 'a',
    'lazypirate.attempt.result': 'ok',
    'lazypirate.attempt.executed': 'yes',
    'lazypirate.request.id': 'orders.k3x9ab.42',
    'lazypirate.attempt.number': 1,
  });
  assert.deepEqual(request.resource, { 'service.name': 'lazypirate', 'service.version': '1.2.3' });
});

test('a failure is an error with its code, and an attempt is one only if its endpoint is to blame', (t) => {
  const [request, first, second] = received(
    t,
    requestOf(
      [
        { result: 'timeout', endedMs: 1_005 },
        { result: 'cancelled', sentMs: 1_006, endpoint: { address: 'tcp://[fd00::1]:70' } },
      ],
      {
        cause: 'timeout',
        outcome: 'timeout',
        executed: 'maybe',
        replyBytes: 0,
        failure: { code: 'TIMEOUT', message: 'no reply in time' },
      },
    ),
  );
  assert.ok(first && second);
  assert.deepEqual(request.status, { code: 2, message: 'timeout: no reply in time' });
  assert.equal(request.attributes['error.type'], 'timeout');
  assert.equal(request.attributes['lazypirate.request.executed'], 'maybe');
  assert.deepEqual(first.status, { code: 2, message: 'timeout' });
  assert.equal(first.attributes['error.type'], 'timeout');
  assert.deepEqual(second.status, { code: 0, message: '' });
  assert.equal('error.type' in second.attributes, false);
  assert.equal(second.attributes['server.address'], 'fd00::1');
  assert.equal(second.attributes['lazypirate.attempt.number'], 2);
});

test('a reply whose app has left is an error of the request, not of the attempt', (t) => {
  const [request, attempt] = received(t, requestOf([{}], { outcome: 'client_gone' }));
  assert.deepEqual(request.status, {
    code: 2,
    message: 'client_gone: the app had left before its reply came',
  });
  assert.equal(request.attributes['lazypirate.request.cause'], 'ok');
  assert.equal(attempt?.status.code, 0);
});

test('no attempt lasts longer than its request', (t) => {
  const [request, unended, late, before] = received(
    t,
    requestOf([
      { result: undefined, endedMs: 0 },
      { result: 'timeout', endedMs: 1_400 },
      { result: 'ok', endedMs: 1_000 },
    ]),
  );
  assert.ok(unended && late && before);
  near(ms(request), [0, 10.5]);
  near(ms(unended), [0.25, 10.5]);
  assert.equal(unended.attributes['lazypirate.attempt.result'], 'cancelled');
  near(ms(late), [0.25, 10.5]);
  near(ms(before), [0.25, 0.25]);
});

test('spans lead to what the metrics have counted, but for an attempt that was not over yet', () => {
  const made = spans.of(
    requestOf([{ result: undefined, endedMs: 0 }, { result: 'timeout', endedMs: 1_100.25 }, {}], {
      outcome: 'client_gone',
    }),
  );
  const counted = tracedIn(made).map((traced) => {
    const span = made.find((one) => one.spanContext().spanId === traced.spanId);
    assert.ok(span);
    assert.equal(traced.traceId, span.spanContext().traceId);
    const [seconds, nanos] = span.endTime;
    assert.ok(Math.abs(traced.endedAtMs - (seconds * 1_000 + nanos / 1e6)) < 0.001);
    return traced.kind === 'request' ? [traced.outcome, traced.seconds] : [traced.result, traced.seconds];
  });
  assert.deepEqual(counted, [
    ['client_gone', 0.0105],
    ['timeout', 0.1],
    ['ok', 0.00975],
  ]);
});

test('a reply that came after the timeout of its attempt is seen to be one', (t) => {
  const [request] = received(t, requestOf([{ result: 'timeout' }]));
  assert.equal(request.attributes['lazypirate.reply.salvaged'], true);
});

test('of many attempts the last ones are spans, with their numbers', (t) => {
  const [request, ...attempts] = received(t, requestOf(Array.from({ length: 100 }, () => ({}))));
  assert.equal(request.attributes['lazypirate.request.attempts'], 100);
  const numbers = attempts.map(({ attributes }) => attributes['lazypirate.attempt.number']);
  assert.deepEqual(
    numbers,
    Array.from({ length: 32 }, (_, index) => 69 + index),
  );
});

test('apps and endpoints behind ipc have a path', (t) => {
  const endpoint = { address: 'ipc:///run/orders.sock' };
  const [request, attempt] = received(t, requestOf([{ endpoint }], { from: 'ipc:///run/app.sock' }));
  assert.deepEqual(
    [
      request.attributes['network.transport'],
      request.attributes['client.address'],
      attempt?.attributes['server.address'],
    ],
    ['unix', '/run/app.sock', '/run/orders.sock'],
  );
  const [unknown] = received(t, requestOf([], { from: undefined }));
  assert.equal('client.address' in unknown.attributes, false);
});

test('with a parent it is part of that trace', (t) => {
  const [request, attempt] = received(t, requestOf([{}], { traceParent: PARENT }));
  assert.deepEqual([request.traceId, request.parentId], [PARENT.traceId, PARENT.spanId]);
  assert.deepEqual([attempt?.traceId, attempt?.parentId], [PARENT.traceId, request.spanId]);
  // It has a parent elsewhere (0x300), and is sampled itself.
  assert.equal(request.flags & 0x301, 0x301);
});

test('the flag of a parent decides, then the sample', () => {
  const unsampled = { ...PARENT, isSampled: false };
  const none = new Spans({ ...SETTINGS, sample: 0 });
  assert.equal(none.isSampled(PARENT), true);
  assert.equal(none.isSampled(undefined), false);
  assert.equal(spans.isSampled(unsampled), false);
  assert.equal(spans.isSampled(undefined), true);
  const half = new Spans({ ...SETTINGS, sample: 0.5 });
  const count = Array.from({ length: 10_000 }, () => half.isSampled(undefined)).filter(Boolean).length;
  assert.ok(count > 4_500 && count < 5_500, `${count}`);
});

test('where the flag of a parent does not decide, its trace does: the same for all its requests', () => {
  const half = new Spans({ ...SETTINGS, sample: 0.5, followsParent: false });
  const decisions = ['0', '3', '7', '8', 'b', 'f'].map((digit) => {
    const parent = { ...PARENT, traceId: `${digit}0000000${'0'.repeat(23)}1`, isSampled: false };
    const [decision = false, ...others] = Array.from({ length: 10 }, () => half.isSampled(parent));
    assert.ok(others.every((other) => other === decision));
    return decision;
  });
  assert.deepEqual(decisions, [true, true, true, false, false, false]);
});

test('what fails, is slow or needs another attempt is traced in any case', () => {
  const notable = (attempts: GivenAttempt[], given: Partial<ObservedRequest> = {}, slowMs?: number) =>
    isNotable(requestOf(attempts, given), slowMs);
  assert.equal(notable([{}]), false);
  assert.equal(notable([{}], {}, 11), false);
  assert.equal(notable([{}], {}, 10.5), true);
  assert.equal(notable([{}], { outcome: 'client_gone' }), true);
  assert.equal(notable([], { outcome: 'overloaded', cause: 'overloaded' }), true);
  assert.equal(notable([{ result: 'lost' }, {}]), true);
  // A hedge: the other one was faster.
  assert.equal(notable([{ result: 'cancelled' }, {}]), true);
});

test('what a collector refuses of a request is read from its answer', () => {
  // ExportTraceServiceResponse { partial_success { rejected_spans: 3 } }
  assert.equal(rejectedIn(Buffer.from([0x0a, 2, 0x08, 3])), 3);
  assert.equal(rejectedIn(Buffer.alloc(0)), 0);
  assert.equal(rejectedIn(Buffer.from('{}')), 0);
});
