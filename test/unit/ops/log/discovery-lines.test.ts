import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import type { DiscoveryFailure } from '../../../../src/discovery/discovery.ts';
import { logEvents } from '../../../../src/ops/log/event-log.ts';
import { createLog } from '../../../../src/ops/log/log.ts';
import { Events } from '../../../../src/proxy/events.ts';
import { DiscoveryState } from '../../../../src/proxy/upstream/discovery-state.ts';

const UNTOLD = { source: 'api_server', isRefused: false } as const;
const failure = (reason: DiscoveryFailure, message: string) => ({ ...UNTOLD, reason, message });

/** What is known of the set of a route, and the lines that are written about it: level, message, why and endpoints. */
function start() {
  const lines: string[] = [];
  const destination = new Writable({
    write(line, _, done) {
      const { level, msg, why = '', endpoints = '' } = JSON.parse(String(line));
      lines.push([level, msg, why, endpoints].join(' ').trim());
      done();
    },
  });
  const log = createLog({ level: 'info', version: '0', env: {}, destination });
  const settings = { slowMs: () => undefined, sample: () => 0, random: () => 0, now: () => 0 };
  const events = new Events((error) => {
    throw error;
  });
  logEvents(log, events, settings);
  const state = new DiscoveryState('orders', events);
  const status = () => {
    const { state: kind, why } = state.status(0);
    return [kind, why];
  };
  return { state, status, lines };
}

test('the first set is logged with its number of endpoints; later ones are not', () => {
  const { state, status, lines } = start();
  assert.deepEqual(status(), ['starting', undefined]);
  assert.equal(state.whyNone, 'no endpoint is known yet');
  state.found(3, undefined, 0);
  state.found(2, undefined, 0);
  state.confirmed(2, 0);
  assert.deepEqual(lines, ['info discovery succeeded  3']);
});

test('an empty set is warned about once per cause, and the recovery is logged', () => {
  const { state, status, lines } = start();
  state.found(0, 'a', 0);
  state.confirmed(0, 0);
  state.found(0, 'a', 0);
  assert.deepEqual(status(), ['live', 'a']);
  assert.equal(state.whyNone, 'no endpoint is known: a');
  state.failed(failure('unreachable', 'down'), 0);
  state.found(0, 'a', 0);
  state.found(0, 'b', 0);
  state.found(2, undefined, 0);
  assert.deepEqual(status(), ['live', undefined]);
  assert.deepEqual(lines, [
    'warn discovery found no endpoints a 0',
    'warn discovery lost down',
    'info discovery regained  0',
    'warn discovery found no endpoints b 0',
    'info discovery recovered  2',
  ]);
});

test('a set that may be partly out of date is warned about once', () => {
  const { state, lines } = start();
  state.found(2, undefined, 0);
  for (const why of ['half', 'half', undefined]) state.found(2, why, 0);
  assert.deepEqual(lines, [
    'info discovery succeeded  2',
    'warn discovery is incomplete half 2',
    'info discovery recovered  2',
  ]);
});

test('a discovery that has never succeeded is called failed, and lost only after a success', () => {
  const { state, status, lines } = start();
  for (const message of ['a', 'a', 'b']) state.failed(failure('unreachable', message), 0);
  assert.deepEqual(status(), ['failed', 'b']);
  assert.equal(state.whyNone, 'no endpoint is known: b');
  state.found(1, undefined, 0);
  state.failed(failure('unreachable', 'c'), 0);
  assert.deepEqual(status(), ['lost', 'c']);
  state.confirmed(1, 0);
  assert.deepEqual(lines, [
    'warn discovery failed a',
    'warn discovery failed b',
    'info discovery succeeded  1',
    'warn discovery lost c',
    'info discovery regained  1',
  ]);
});

test('a failure tells its kind, and since when nothing has been learned', () => {
  const { state } = start();
  state.failed(failure('unreachable', 'a'), 100);
  state.failed(failure('forbidden', 'b'), 200);
  assert.deepEqual(state.status(250).failure, { ...UNTOLD, reason: 'forbidden', sinceMs: 150 });
  state.found(1, undefined, 300);
  assert.equal(state.status(300).failure, undefined);
  state.failed(failure('invalid', 'c'), 400);
  assert.deepEqual(state.status(450).failure, { ...UNTOLD, reason: 'invalid', sinceMs: 50 });
});
