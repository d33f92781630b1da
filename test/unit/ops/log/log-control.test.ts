import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Page } from '../../../../src/ops/admin/page.ts';
import { LogControl, type LogSettings } from '../../../../src/ops/log/log-control.ts';
import { logPage } from '../../../../src/ops/log/log-page.ts';
import { destination, logTo } from './destination.ts';

const START = Date.parse('2026-11-27T12:00:00Z');
const MINUTE = 60_000;
const CONFIGURED = { level: 'info', format: 'json', sample: 0, slowMs: undefined } as const;

/** A log and its page, at noon on a clock that the test moves. */
function started(t: TestContext, configured: LogSettings = CONFIGURED) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: START });
  const { stream, lines } = destination();
  const log = logTo(stream, { level: configured.level });
  const control = new LogControl(log, configured);
  const entry = logPage(control);
  const ask = async (method: 'GET' | 'PUT', body: string) => {
    const answer = await entry.answer({ method, body, accept: '' }, new URLSearchParams());
    return JSON.parse((answer as Page).body);
  };
  return {
    ...{ log, control },
    put: (body: object) => ask('PUT', JSON.stringify(body)),
    putText: (body: string) => ask('PUT', body),
    get: () => ask('GET', ''),
    pass: (ms: number) => t.mock.timers.tick(ms),
    /** The lines since the last call, without what all have. */
    told: () => lines.splice(0).map(({ service, version, time, ...line }) => line),
  };
}

test('a change lasts for its time, says so in the log, and is undone by itself', async (t) => {
  const { log, put, get, pass, told } = started(t);
  const answer = await put({ level: 'debug', sample: 0.5, slow: '250ms', for: '2m' });
  const until = '2026-11-27T12:02:00.000Z';
  const now = { level: 'debug', sample: 0.5, slowMs: 250, until };
  assert.deepEqual(answer, { ...now, configured: { level: 'info', sample: 0, slowMs: null } });
  assert.deepEqual(await get(), answer);
  log.debug('in detail');
  assert.deepEqual(told(), [
    {
      ...{ level: 'info', by: 'PUT /log', until, logLevel: 'debug', sample: 0.5, slowMs: 250 },
      msg: 'log changed for a while',
    },
    { level: 'debug', msg: 'in detail' },
  ]);
  pass(2 * MINUTE - 1);
  assert.deepEqual(told(), []);
  pass(1);
  log.debug('in detail');
  assert.deepEqual(told(), [
    {
      ...{ level: 'info', by: 'its time is up', logLevel: 'info', sample: 0, slowMs: null },
      msg: 'log is as configured again',
    },
  ]);
  assert.equal((await get()).until, null);
});

test('a change to fewer lines is announced before, and its end after', async (t) => {
  const { log, put, pass, told } = started(t);
  await put({ level: 'silent' });
  log.error('lost');
  pass(10 * MINUTE);
  log.info('back');
  assert.deepEqual(
    told().map(({ msg }) => msg),
    ['log changed for a while', 'log is as configured again', 'back'],
  );
});

test('another change keeps what the first has set, and both last as long as the second', async (t) => {
  const { put, get, pass } = started(t);
  await put({ level: 'debug', for: '2m' });
  pass(MINUTE);
  const { level, sample, until } = await put({ sample: 1 });
  assert.deepEqual([level, sample, until], ['debug', 1, '2026-11-27T12:11:00.000Z']);
  pass(9 * MINUTE);
  assert.equal((await get()).level, 'debug');
  pass(MINUTE);
  assert.deepEqual([(await get()).level, (await get()).sample], ['info', 0]);
});

test('0 ends a change at once, and slow can be turned off for a while', async (t) => {
  const { put, get, told, pass } = started(t, { ...CONFIGURED, slowMs: 1_000 });
  assert.equal((await put({ slow: 'off' })).slowMs, null);
  const { slowMs, until } = await put({ for: 0 });
  assert.deepEqual([slowMs, until], [1_000, null]);
  await put({ for: '0' });
  await put({ sample: 1, for: '2m' });
  await put({ for: 0 });
  await put({ sample: 1, for: '5m' });
  pass(4 * MINUTE);
  assert.equal((await get()).sample, 1, 'the time of the one before is not its own');
  await put({ for: 0 });
  told();
  pass(60 * MINUTE);
  assert.deepEqual(told(), [], 'nothing is undone twice');
});

test('another configuration changes what it goes back to, and not what was set for a while', async (t) => {
  const { log, control, put, get, pass, told } = started(t);
  await put({ level: 'debug' });
  control.configure({ ...CONFIGURED, level: 'warn', sample: 0.1 });
  const { level, sample, configured } = await get();
  assert.deepEqual([level, sample], ['debug', 0.1]);
  assert.deepEqual(configured, { level: 'warn', sample: 0.1, slowMs: null });
  log.debug('still');
  assert.equal(told().at(-1)?.['msg'], 'still');
  pass(10 * MINUTE);
  assert.equal(log.level, 'warn');
  control.configure({ ...CONFIGURED, level: 'error', format: 'pretty' });
  assert.deepEqual([log.level, log.format], ['error', 'pretty']);
});

test('the toggle turns debug on for 10 minutes, and off', async (t) => {
  const { log, control, put, pass } = started(t);
  control.toggleDebug('SIGUSR1');
  assert.equal(log.level, 'debug');
  assert.equal(control.state.until?.toISOString(), '2026-11-27T12:10:00.000Z');
  control.toggleDebug('SIGUSR1');
  assert.deepEqual([log.level, control.state.until], ['info', undefined]);
  await put({ sample: 1 });
  control.toggleDebug('SIGUSR1');
  assert.deepEqual([log.level, control.inForce.sample], ['debug', 1]);
  pass(10 * MINUTE);
  assert.deepEqual([log.level, control.inForce.sample], ['info', 0]);
});

test('a wrong body changes nothing, and is answered with every problem', async (t) => {
  const { putText, told, control } = started(t);
  const levels = 'trace, debug, info, warn, error, fatal, silent';
  const form = 'the body must be a JSON object, for example {"level":"debug","for":"10m"}';
  const empty = 'nothing to change; write for example {"level":"debug","for":"10m"}';
  for (const [body, words] of [
    ['', form],
    ['level=debug', form],
    ['[]', form],
    ['null', form],
    ['{}', empty],
    ['{"for":"1m"}', empty],
    [
      '{"level":"DEBUG","sample":2,"slow":"soon","for":"25h","color":1,"__proto__":1}',
      [
        `level must be one of ${levels}`,
        'sample must be a number from 0 to 1',
        'slow must be a duration from 1ms to 1h, or "off"',
        'for must be a duration up to 24h; 0 changes everything back at once',
        'unknown key "color"; allowed here: level, sample, slow, for',
        'unknown key "__proto__"; allowed here: level, sample, slow, for',
      ].join('\n'),
    ],
    [
      '{"level":["debug"],"sample":"1"}',
      `level must be one of ${levels}\nsample must be a number from 0 to 1`,
    ],
    ['{"level":"debug","for":-1}', 'for must be a duration up to 24h; 0 changes everything back at once'],
  ] as const)
    await assert.rejects(putText(body), { status: 400, message: words }, body);
  assert.deepEqual(told(), []);
  assert.equal(control.state.until, undefined);
});
