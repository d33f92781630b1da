import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { destination, logTo } from './destination.ts';

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
