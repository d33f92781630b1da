import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { createLog } from '../../../../src/ops/log/log.ts';

/** A log on a destination that keeps its text. */
function logOn(isTTY: boolean, given: Partial<Parameters<typeof createLog>[0]> = {}) {
  let text = '';
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      text += chunk;
      done();
    },
  });
  const destination = Object.assign(stream, { isTTY });
  const log = createLog({ level: 'trace', version: '1.2.3', env: { NO_COLOR: '1' }, destination, ...given });
  return { log, text: () => text, withoutTime: () => text.replace(/^\d\d:\d\d:\d\d\.\d{3} /gm, '') };
}

test('on a terminal a line has time, level and message first, then what else there is', () => {
  const { log, text, withoutTime } = logOn(true, { env: { NO_COLOR: '1', POD_NAME: 'shop-1' } });
  const before = new Date();
  log.warn({ route: 'orders', attempts: 3, endpoint: 'tcp://127.0.0.1:7000' }, 'gave up');
  assert.equal(withoutTime(), 'WARN  gave up route=orders attempts=3 endpoint=tcp://127.0.0.1:7000\n');
  const [, hours, minutes] = /^(\d\d):(\d\d):\d\d\.\d{3} /.exec(text()) ?? [];
  const minuteOfDay = (at: Date) => at.getHours() * 60 + at.getMinutes();
  const told = Number(hours) * 60 + Number(minutes);
  assert.ok(
    [minuteOfDay(before), minuteOfDay(new Date())].includes(told),
    `${text()} is on this machine's clock`,
  );
});

test('elsewhere a line is JSON', () => {
  const { log, text } = logOn(false);
  log.info({ route: 'orders' }, 'listening');
  assert.equal(JSON.parse(text()).msg, 'listening');
});

test('json and pretty hold wherever the lines go, and can change while it runs', () => {
  const pretty = logOn(false, { format: 'pretty', env: {} });
  pretty.log.info('one');
  assert.equal(pretty.withoutTime(), 'INFO  one\n', 'no colours where there is no terminal');
  const json = logOn(true, { format: 'json' });
  json.log.info('one');
  assert.equal(JSON.parse(json.text()).level, 'info');
  json.log.format = 'auto';
  json.log.info('two');
  assert.match(json.text(), /\n\d\d:\d\d:\d\d\.\d{3} INFO {2}two\n$/);
});

test('there are colours on a terminal only, and not with NO_COLOR or a dumb terminal', () => {
  const textWith = (isTTY: boolean, env: Record<string, string>) => {
    const { log, text } = logOn(isTTY, { env, format: 'pretty' });
    log.error({ why: 'x' }, 'reload refused');
    return text();
  };
  const colored = textWith(true, {}).replaceAll('\x1b', '<');
  assert.match(colored, /<\[31mERROR<\[0m reload refused <\[2mwhy=<\[0mx\n$/);
  for (const [isTTY, env] of [
    [false, {}],
    [true, { NO_COLOR: '1' }],
    [true, { TERM: 'dumb' }],
  ] as const)
    assert.ok(!textWith(isTTY, env).includes('\x1b'));
});

test('values with spaces are quoted, lists and objects are JSON, and nothing empty is lost', () => {
  const { log, withoutTime } = logOn(true);
  log.info(
    { why: 'nobody listens', none: null, empty: '', added: ['a', 'b'], of: { a: 1 }, pair: 'a=b' },
    'x',
  );
  assert.equal(
    withoutTime(),
    'INFO  x why="nobody listens" none=null empty="" added=["a","b"] of={"a":1} pair="a=b"\n',
  );
});

test('an error shows its stack below the line', () => {
  const { log, withoutTime } = logOn(true);
  log.error({ err: new Error('broken'), route: 'orders' }, 'internal error');
  const [first, second, third] = withoutTime().split('\n');
  assert.equal(first, 'ERROR internal error route=orders');
  assert.equal(second, '    Error: broken');
  assert.match(third ?? '', /^ {8}at /);
});

test('nothing that a peer sends can move the cursor, forge a line or turn the text round', () => {
  const { log, withoutTime } = logOn(true);
  const evil = 'a\x1b[2J\x9b2J\r\nINFO forged\u2028\u202eb';
  log.warn({ why: evil, list: [evil], err: { type: 'Error', message: evil, stack: evil } }, evil);
  const text = withoutTime();
  assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  assert.ok(text.split('\n').every((line) => !line.startsWith('INFO')));
});
