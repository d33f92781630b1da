import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { type EventLogSettings, logEvents } from '../../../../src/ops/log/event-log.ts';
import { Events } from '../../../../src/proxy/events.ts';
import type { Cause, Outcome } from '../../../../src/proxy/outcome.ts';
import { observedRequest } from '../../../support/observed-request.ts';
import { emitRecorded, type RecordedEvent } from '../../../support/recorded-events.ts';
import { destination, type Line, logTo } from './destination.ts';

function settled(outcome: Cause, route = 'orders'): RecordedEvent {
  return settledAs(outcome, outcome, route);
}

function settledAs(outcome: Outcome, cause: Cause, route = 'orders'): RecordedEvent {
  const request = {
    attempts: 3,
    endpoint: 'tcp://10.1.2.3:7000',
    elapsedMs: 7_512.34567,
    executed: 'maybe',
    requestBytes: 12,
    replyBytes: 0,
  } as const;
  return { kind: 'settled', route, outcome, cause, request };
}

/** What the log makes of events. */
function recording({
  level = 'info',
  ...given
}: Partial<EventLogSettings & { level: 'info' | 'debug' }> = {}) {
  const { stream, lines } = destination();
  const events = new Events((error) => {
    throw error;
  });
  const settings = { sample: () => 0, slowMs: () => undefined, random: () => 0.5, now: () => 0, ...given };
  logEvents(logTo(stream, { level }), events, settings);
  return { lines, events, logged: (event: RecordedEvent) => emitRecorded(events, event) };
}

function shown(lines: Line[]): Line[] {
  return lines.map(({ time: _time, service: _service, version: _version, ...rest }) => rest);
}

test('a failed request is a warning that says where it came from, why it failed, and what was tried', () => {
  const { lines, events } = recording();
  const endpoint = { address: 'tcp://10.1.2.4:7000', pod: 'orders-1', node: 'worker-2' };
  events.emit(
    'settled',
    observedRequest({}, [
      { sentMs: 1_001.2, endedMs: 3_501.6 },
      { endpoint, result: 'lost' },
    ]),
  );
  assert.deepEqual(shown(lines), [
    {
      level: 'warn',
      route: 'orders',
      requestId: 'orders.k3x9ab.42',
      from: '127.0.0.1:53122',
      outcome: 'timeout',
      why: 'no reply in time',
      attempts: 2,
      endpoint: 'tcp://10.1.2.4:7000',
      endpointPod: 'orders-1',
      endpointNode: 'worker-2',
      executed: 'maybe',
      requestBytes: 12,
      replyBytes: 0,
      waitedMs: 1.2,
      elapsedMs: 7_512.123,
      tried: [
        { endpoint: 'tcp://10.1.2.3:7000', result: 'timeout', ms: 2_500.4 },
        { endpoint: 'tcp://10.1.2.4:7000', pod: 'orders-1', result: 'lost', ms: 2_500 },
      ],
      msg: 'gave up',
    },
  ]);
});

test('a bug of ours is an error', () => {
  const { lines, logged } = recording();
  logged(settled('internal'));
  assert.deepEqual(
    lines.map(({ level, msg }) => [level, msg]),
    [['error', 'gave up']],
  );
});

test('a failure has the same level if the app had left, and a reply that came too late for it is not a failure', () => {
  const { lines, logged } = recording();
  logged(settledAs('client_gone', 'internal'));
  logged(settledAs('client_gone', 'timeout'));
  logged(settledAs('client_gone', 'ok'));
  assert.deepEqual(
    lines.map(({ level, msg, outcome, cause }) => [level, msg, outcome, cause]),
    [
      ['error', 'gave up, but the app had left', 'client_gone', 'internal'],
      ['warn', 'gave up, but the app had left', 'client_gone', 'timeout'],
      ['info', 'answered, but the app had left', 'client_gone', 'ok'],
    ],
  );
});

test('an internal error that the data path caught is logged with its stack', () => {
  const { lines, logged } = recording();
  logged({ kind: 'internalError', route: 'orders', error: new Error('a bug') });
  assert.equal(lines[0]?.['level'], 'error');
  assert.equal(lines[0]?.['msg'], 'internal error');
  assert.match(JSON.stringify(lines[0]?.['err']), /a bug.*stack/);
});

test('successes are logged in the configured share', () => {
  const draws = [0.09, 0.1, 0.5, 0];
  const { lines, logged } = recording({ sample: () => 0.1, random: () => draws.shift() ?? 1 });
  for (let i = 0; i < 4; i++) logged(settled('ok'));
  assert.deepEqual(
    lines.map(({ level, msg }) => [level, msg]),
    [
      ['info', 'answered'],
      ['info', 'answered'],
    ],
  );
});

test('with a sample of 0 no success is logged, with 1 all are', () => {
  const none = recording({ sample: () => 0, random: () => 0 });
  none.logged(settled('ok'));
  assert.equal(none.lines.length, 0);
  const all = recording({ sample: () => 1, random: () => 0.999_999 });
  all.logged(settled('ok'));
  assert.equal(all.lines.length, 1);
});

test('a slow request is logged with what was tried, even if it was sampled too, and a limited number of them', () => {
  const { lines, events } = recording({ slowMs: () => 1_000, sample: () => 1 });
  const ok = { cause: 'ok', outcome: 'ok', failure: undefined, executed: 'yes' } as const;
  const settle = (elapsedMs: number) =>
    events.emit('settled', observedRequest({ ...ok, elapsedMs }, [{ result: 'ok' }]));
  settle(999);
  settle(1_000);
  const [plain, slow] = lines;
  assert.deepEqual([plain?.['msg'], slow?.['msg'], slow?.['level']], ['answered', 'slow', 'info']);
  assert.deepEqual(slow?.['tried'], [{ endpoint: 'tcp://10.1.2.3:7000', result: 'ok', ms: 2_500 }]);
  assert.deepEqual(Object.keys(slow ?? {}), Object.keys(plain ?? {}));
  for (let i = 0; i < 20; i++) settle(5_000);
  assert.equal(lines.length, 11);
});

test('a success that needed more than one attempt is logged at debug only', () => {
  const ok = { cause: 'ok', outcome: 'ok', failure: undefined, executed: 'yes' } as const;
  const settleAt = (level: 'info' | 'debug') => {
    const { lines, events } = recording({ level });
    events.emit('settled', observedRequest(ok, [{ result: 'ok' }]));
    events.emit('settled', observedRequest(ok, [{ result: 'lost' }, { result: 'ok' }]));
    return lines.map(({ msg, attempts }) => [msg, attempts]);
  };
  assert.deepEqual(settleAt('info'), []);
  assert.deepEqual(settleAt('debug'), [['answered after a retry', 2]]);
});

test('listening and every change of an endpoint is logged, with a warning if it goes down', () => {
  const { lines, logged } = recording();
  const endpoint = 'tcp://10.1.2.3:7000';
  logged({ kind: 'listening', route: 'orders', address: 'tcp://127.0.0.1:5555' });
  const steps = ['new', 'connecting', 'up', 'down', 'gone'] as const;
  logged({ kind: 'endpoint', route: 'orders', endpoint, from: steps[0], to: steps[1], why: 'in the set' });
  logged({ kind: 'endpoint', route: 'orders', endpoint, from: steps[1], to: steps[2], why: 'connected' });
  const closed = { trouble: 'closed', why: 'the peer closed the connection' } as const;
  logged({ kind: 'endpoint', route: 'orders', endpoint, from: steps[2], to: steps[3], ...closed });
  logged({ kind: 'endpoint', route: 'orders', endpoint, from: steps[3], to: steps[4], why: 'leaving' });
  assert.deepEqual(shown(lines), [
    { level: 'info', route: 'orders', address: 'tcp://127.0.0.1:5555', msg: 'listening' },
    { level: 'info', route: 'orders', endpoint, from: 'new', why: 'in the set', msg: 'endpoint connecting' },
    { level: 'info', route: 'orders', endpoint, from: 'connecting', why: 'connected', msg: 'endpoint up' },
    { level: 'warn', route: 'orders', endpoint, from: 'up', ...closed, msg: 'endpoint down' },
    { level: 'info', route: 'orders', endpoint, from: 'down', why: 'leaving', msg: 'endpoint gone' },
  ]);
});

test('a line about an endpoint names its pod and node beside the pod of this sidecar', () => {
  const names = { endpoint: 'tcp://10.1.2.3:7000', pod: 'orders-1', node: 'worker-2' };
  const { lines, logged } = recording({ level: 'debug' });
  const request = {
    ...names,
    attempts: 1,
    elapsedMs: 1,
    executed: 'maybe',
    requestBytes: 1,
    replyBytes: 0,
  } as const;
  logged({ kind: 'endpoint', route: 'orders', ...names, from: 'up', to: 'down', why: 'disconnect' });
  logged({ kind: 'reset', route: 'orders', ...names, reason: 'timeout' });
  logged({ kind: 'notEchoed', route: 'orders', ...names });
  logged({ kind: 'settled', route: 'orders', outcome: 'timeout', cause: 'timeout', request });
  for (const { endpoint, endpointPod, endpointNode } of lines)
    assert.deepEqual([endpoint, endpointPod, endpointNode], ['tcp://10.1.2.3:7000', 'orders-1', 'worker-2']);
  assert.equal(lines.length, 4);
});

test('a reset is logged only at debug', () => {
  const reset: RecordedEvent = {
    kind: 'reset',
    route: 'orders',
    endpoint: 'tcp://10.1.2.3:7000',
    reason: 'timeout',
  };
  const info = recording();
  info.logged(reset);
  assert.equal(info.lines.length, 0);
  const debug = recording({ level: 'debug' });
  debug.logged(reset);
  assert.equal(debug.lines[0]?.['msg'], 'reset');
});

test('events of every request are not logged, not even at debug', () => {
  const { lines, logged } = recording({ level: 'debug' });
  const endpoint = 'tcp://10.1.2.3:7000';
  logged({ kind: 'received', route: 'orders', bytes: 1 });
  logged({ kind: 'attempt', route: 'orders', endpoint, result: 'timeout', elapsedMs: 1 });
  logged({ kind: 'retry', route: 'orders', reason: 'timeout' });
  logged({ kind: 'retryDenied', route: 'orders', reason: 'budget' });
  logged({ kind: 'lateReply', route: 'orders', endpoint, fate: 'discarded' });
  assert.equal(lines.length, 0);
});

test('ten lines of one kind of failure pass in ten seconds, then one says how many more there were', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    let nowMs = 1_000;
    const { lines, logged } = recording({ now: () => nowMs });
    for (let i = 0; i < 25; i++) logged(settled('timeout'));
    assert.equal(lines.length, 10);
    nowMs += 10_000;
    mock.timers.tick(10_000);
    assert.deepEqual(shown(lines.slice(10)), [
      { level: 'warn', route: 'orders', of: 'timeout', suppressed: 15, msg: 'log lines suppressed' },
    ]);
    logged(settled('timeout'));
    assert.equal(lines.length, 12);
  } finally {
    mock.timers.reset();
  }
});

test('each route and each kind of failure has its own ten lines, including malformed messages', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const { lines, logged } = recording();
    for (let i = 0; i < 11; i++) {
      logged(settled('timeout'));
      logged(settled('lost'));
      logged(settled('timeout', 'users'));
      logged({ kind: 'malformed', route: 'orders' });
    }
    assert.equal(lines.length, 40);
  } finally {
    mock.timers.reset();
  }
});

test('a rollout of a hundred endpoints is logged in full', () => {
  const { lines, logged } = recording();
  for (let i = 0; i < 100; i++) {
    const endpoint = `tcp://10.0.0.${i}:7000`;
    logged({
      kind: 'endpoint',
      route: 'orders',
      endpoint,
      from: 'up',
      to: 'gone',
      why: 'not in the set any more',
    });
  }
  assert.equal(lines.length, 100);
});

test('a rollout of more endpoints does not hide that another one fails', () => {
  const { lines, logged } = recording();
  const change = { kind: 'endpoint', route: 'orders', from: 'new', why: 'new' } as const;
  for (let i = 0; i < 200; i++) logged({ ...change, endpoint: `tcp://10.0.0.${i}:7000`, to: 'connecting' });
  logged({ ...change, endpoint: 'tcp://10.0.1.1:7000', from: 'up', to: 'down' });
  assert.deepEqual([lines.length, lines.at(-1)?.['endpoint']], [101, 'tcp://10.0.1.1:7000']);
});

test('a line about what an app does wrong says where the app connected from', () => {
  const { lines, logged } = recording();
  const address = '127.0.0.1:53122';
  logged({ kind: 'malformed', route: 'orders', address });
  logged({ kind: 'droppedClient', route: 'orders', address });
  assert.deepEqual(
    lines.map((line) => [line['msg'], line['address']]),
    [
      ['malformed message dropped', address],
      ['client dropped: it does not read its replies', address],
    ],
  );
});
