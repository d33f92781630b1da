import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Events } from '../../../../src/proxy/events.ts';
import { EndpointReport } from '../../../../src/proxy/upstream/endpoint-report.ts';
import { NO_HANDSHAKE } from '../../../../src/proxy/upstream/trouble.ts';
import { ended, wordsOf } from '../../../../src/transport/connection-end.ts';
import { CLOSED, connectCause, hungUp, tooSlow } from '../../../../src/transport/zmtp/causes.ts';

const REFUSED = connectCause(Object.assign(new Error(), { code: 'ECONNREFUSED' }));
const AT_ONCE = hungUp(CLOSED, false);

/** A report, and each change that it has told. */
function reporting() {
  const events = new Events((error) => {
    throw error;
  });
  const told: string[] = [];
  events.on('endpoint', ({ to, why, trouble }) => told.push(`${to} ${trouble}: ${why}`));
  const report = new EndpointReport('orders', { address: 'tcp://10.0.0.1:7000' }, events);
  return { report, told };
}

test('what hangs up at once may be something else, but not once it was connected', () => {
  const { report } = reporting();
  report.tried(AT_ONCE);
  assert.equal(report.why, wordsOf(AT_ONCE));
  assert.match(report.why, /it is not ZeroMQ, it is a proxy .*, or its process has just ended$/);
  report.become('up', 'connected');
  report.become('down', CLOSED);
  report.tried(AT_ONCE);
  assert.match(
    report.why,
    /^the peer closed the connection, before it said anything: it is a proxy with no server behind it, or its process has just ended$/,
  );
  report.closed(AT_ONCE);
  assert.equal(report.lastEvent, report.why);
  report.tried(NO_HANDSHAKE);
  assert.doesNotMatch(report.why, /not ZeroMQ/);
});

test('what was up and goes down because another connection hangs up is not something else', () => {
  const { report, told } = reporting();
  report.become('up', 'connected');
  report.become('down', AT_ONCE);
  assert.match(report.why, /before it said anything: it is a proxy/);
  assert.doesNotMatch(told.at(-1) ?? '', /not ZeroMQ/);
});

test('what hung up and is gone at the next try was ending: then only that is told', () => {
  for (const gone of [REFUSED, ended('nobody_answers', 'nobody answers there')]) {
    const { report, told } = reporting();
    report.become('up', 'connected');
    report.become('down', CLOSED);
    report.tried(AT_ONCE);
    report.tried(gone);
    assert.equal(report.why, gone.what);
    assert.equal(told.at(-1), `down ${gone.kind}: ${gone.what}`);
    const count = told.length;
    report.tried(AT_ONCE);
    report.tried(gone);
    assert.equal(told.length, count, 'each cause is told once');
  }
});

test('a handshake that failed for a reason is still the cause when nobody listens any more', () => {
  const { report } = reporting();
  const wrong = ended('wrong_mechanism', 'wrong security mechanism', 'the peer uses CURVE');
  report.tried(wrong);
  report.tried(REFUSED);
  assert.equal(report.why, `${wordsOf(wrong)}; now: ${REFUSED.what}`);
});

test('a peer that ends each handshake is told as that, although one handshake has only taken too long', () => {
  const { report, told } = reporting();
  const slow = tooSlow(true, 300);
  report.tried(slow);
  report.tried(AT_ONCE);
  assert.equal(report.why, wordsOf(AT_ONCE));
  assert.equal(told.at(-1), `connecting hung_up_at_once: ${wordsOf(AT_ONCE)}`);
  const count = told.length;
  report.tried(slow);
  report.tried(AT_ONCE);
  assert.equal(told.length, count, 'each cause is told once');
});

test('a peer that says something else each time is told eight times, until it was up', () => {
  const { report, told } = reporting();
  const says = (words: number | string) =>
    report.tried(ended('not_zeromq', 'it is not ZeroMQ', `it said ${words}`));
  for (let number = 0; number < 1_000; number++) says(number);
  assert.deepEqual([told.length, told.at(-1)], [9, 'connecting not_zeromq: it is not ZeroMQ: it said 7']);
  assert.match(report.why, /it said 999$/, 'the newest words are in the status');
  report.tried(ended('wrong_mechanism', 'wrong security mechanism'));
  assert.equal(told.at(-1), 'connecting wrong_mechanism: wrong security mechanism', 'another kind is news');
  report.become('up', 'connected');
  report.become('down', CLOSED);
  const count = told.length;
  says('hello');
  assert.equal(told.length, count + 1);
});

test('an endpoint that is new, or up, has no trouble to tell', () => {
  const { report, told } = reporting();
  report.become('up', 'connected');
  report.become('down', CLOSED);
  report.become('up', 'connected');
  assert.deepEqual(told, [
    'connecting undefined: in the set',
    'up undefined: connected',
    'down closed: the peer closed the connection',
    'up undefined: connected',
  ]);
});

test('a handshake that takes long is not told after one that has failed', () => {
  const { report, told } = reporting();
  report.become('up', 'connected');
  report.become('down', CLOSED);
  report.tried(AT_ONCE);
  report.tried(REFUSED);
  const count = told.length;
  report.tried(NO_HANDSHAKE);
  assert.equal(told.length, count);
});
