import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { mock, test } from 'node:test';
import { createLog, type EventLogSettings, LineLimiter, logEvents } from '../../../../src/ops/log/log.ts';
import type { Cause, Outcome, ProxyEvent } from '../../../../src/proxy/events.ts';

type Line = Record<string, unknown>;

/** A destination that a test can stop and let go on, and the lines that have come through. */
function destination() {
  const lines: Line[] = [];
  let isStopped = false;
  let goOn: (() => void) | undefined;
  const stream = new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      lines.push(JSON.parse(text));
      if (isStopped) goOn = done;
      else done();
    },
  });
  return {
    stream,
    lines,
    stop() {
      isStopped = true;
    },
    resume() {
      isStopped = false;
      goOn?.();
    },
  };
}

function logTo(stream: Writable, given: Partial<Parameters<typeof createLog>[0]> = {}) {
  return createLog({ level: 'info', version: '1.2.3', env: {}, destination: stream, ...given });
}

test('a line has time, level, message and source', () => {
  const { stream, lines } = destination();
  logTo(stream, { env: { POD_NAME: 'shop-1', POD_NAMESPACE: 'shop' } }).info({ answer: 42 }, 'started');
  const [{ time, ...line } = {}] = lines;
  assert.deepEqual(line, {
    level: 'info',
    service: 'lazypirate',
    version: '1.2.3',
    pod: 'shop-1',
    namespace: 'shop',
    answer: 42,
    msg: 'started',
  });
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('outside a pod there is no pod and no namespace on the line', () => {
  const { stream, lines } = destination();
  logTo(stream, { env: { POD_NAME: '' } }).warn('x');
  assert.deepEqual(Object.keys(lines[0] ?? {}).sort(), ['level', 'msg', 'service', 'time', 'version']);
});

test('lines below the level are not written', () => {
  const { stream, lines } = destination();
  const log = logTo(stream, { level: 'warn' });
  log.info('no');
  log.warn('yes');
  assert.deepEqual(
    lines.map(({ msg }) => msg),
    ['yes'],
  );
});

test('a reader that stops reading costs bounded memory, and is told how many lines it has missed', async () => {
  const { stream, lines, stop, resume } = destination();
  const log = logTo(stream);
  stop();
  const written = 20_000;
  for (let i = 0; i < written; i++) log.info({ i, pad: 'x'.repeat(200) }, 'line');
  assert.ok(stream.writableLength < 1_100_000, `${stream.writableLength} characters wait`);
  assert.equal(lines.length, 1);
  const drained = new Promise((resolve) => stream.once('drain', resolve));
  resume();
  await drained;
  log.info('after');
  const reports = lines.filter(({ dropped }) => dropped !== undefined);
  assert.equal(reports.length, 1);
  assert.equal(reports[0]?.['level'], 'error');
  const through = lines.filter(({ msg }) => msg === 'line').length;
  assert.equal(through + Number(reports[0]?.['dropped']), written);
  assert.ok(through > 1_000);
  assert.deepEqual(
    lines.slice(-2).map(({ msg }) => msg),
    ['log lines dropped: nobody read standard output', 'after'],
  );
});

test('no line is lost for a reader that is slow but keeps up', async () => {
  const { stream, lines, stop, resume } = destination();
  const log = logTo(stream);
  stop();
  for (let i = 0; i < 1_000; i++) log.info({ i, pad: 'x'.repeat(200) }, 'line');
  const drained = new Promise((resolve) => stream.once('drain', resolve));
  resume();
  await drained;
  assert.equal(lines.length, 1_000);
});

test('a reader that is gone does no harm', async () => {
  const gone = new Error('write EPIPE');
  const stream = new Writable({ write: (_chunk, _encoding, done) => done(gone) });
  const log = logTo(stream);
  log.info('first');
  await new Promise((resolve) => stream.once('close', resolve));
  log.info('second');
  assert.equal(stream.errored, gone);
});

function settled(outcome: Cause, route = 'orders'): ProxyEvent {
  return settledAs(outcome, outcome, route);
}

function settledAs(outcome: Outcome, cause: Cause, route = 'orders'): ProxyEvent {
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
  return {
    lines,
    logged: logEvents(logTo(stream, { level }), {
      sample: () => 0,
      random: () => 0.5,
      now: () => 0,
      ...given,
    }),
  };
}

function shown(lines: Line[]): Line[] {
  return lines.map(({ time: _time, service: _service, version: _version, ...rest }) => rest);
}

test('a failed request is a warning that says what was tried', () => {
  const { lines, logged } = recording();
  logged(settled('timeout'));
  assert.deepEqual(shown(lines), [
    {
      level: 'warn',
      route: 'orders',
      outcome: 'timeout',
      attempts: 3,
      endpoint: 'tcp://10.1.2.3:7000',
      executed: 'maybe',
      requestBytes: 12,
      replyBytes: 0,
      elapsedMs: 7_512.346,
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

test('listening and every change of an endpoint is logged, with a warning if it goes down', () => {
  const { lines, logged } = recording();
  const endpoint = 'tcp://10.1.2.3:7000';
  logged({ kind: 'listening', route: 'orders', address: 'tcp://127.0.0.1:5555' });
  const steps = ['new', 'connecting', 'up', 'down', 'gone'] as const;
  logged({ kind: 'endpoint', route: 'orders', endpoint, from: steps[0], to: steps[1], why: 'in the set' });
  logged({ kind: 'endpoint', route: 'orders', endpoint, from: steps[1], to: steps[2], why: 'connected' });
  logged({ kind: 'endpoint', route: 'orders', endpoint, from: steps[2], to: steps[3], why: 'disconnect' });
  logged({ kind: 'endpoint', route: 'orders', endpoint, from: steps[3], to: steps[4], why: 'leaving' });
  assert.deepEqual(shown(lines), [
    { level: 'info', route: 'orders', address: 'tcp://127.0.0.1:5555', msg: 'listening' },
    { level: 'info', route: 'orders', endpoint, from: 'new', why: 'in the set', msg: 'endpoint connecting' },
    { level: 'info', route: 'orders', endpoint, from: 'connecting', why: 'connected', msg: 'endpoint up' },
    { level: 'warn', route: 'orders', endpoint, from: 'up', why: 'disconnect', msg: 'endpoint down' },
    { level: 'info', route: 'orders', endpoint, from: 'down', why: 'leaving', msg: 'endpoint gone' },
  ]);
});

test('a reset is logged only at debug', () => {
  const reset: ProxyEvent = {
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

test('the limiter starts a new window when the old one is over and nothing was suppressed', () => {
  const limiter = new LineLimiter(1_000);
  assert.deepEqual(limiter.take('a', 1, 0), { kind: 'pass' });
  assert.deepEqual(limiter.take('a', 1, 1_000), { kind: 'pass' });
  assert.deepEqual(limiter.take('a', 1, 1_400), { kind: 'suppress', isFirst: true, leftMs: 600 });
  assert.deepEqual(limiter.take('a', 1, 1_500), { kind: 'suppress', isFirst: false, leftMs: 500 });
});

test('the limiter keeps suppressing until it has reported what it suppressed', () => {
  const limiter = new LineLimiter(1_000);
  limiter.take('a', 1, 0);
  limiter.take('a', 1, 1);
  assert.equal(limiter.take('a', 1, 5_000).kind, 'suppress');
  assert.equal(limiter.end('a'), 2);
  assert.deepEqual(limiter.take('a', 1, 5_001), { kind: 'pass' });
  assert.equal(limiter.end('unknown'), 0);
});

test('the limiter forgets routes that are gone, but nothing that it has not reported', () => {
  const limiter = new LineLimiter(1_000);
  limiter.take('untold', 1, 0);
  limiter.take('untold', 1, 0);
  for (let i = 0; i < 10_000; i++) limiter.take(`route ${i}`, 1, i);
  assert.ok(limiter.size <= 2_001 + 1, `${limiter.size}`);
  assert.equal(limiter.end('untold'), 1);
});
