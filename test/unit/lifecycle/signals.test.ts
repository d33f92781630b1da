import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { drainSignals, signalBefore } from '../../../src/lifecycle/signals.ts';

function listening() {
  const source = new EventEmitter();
  const exits: number[] = [];
  return { source, exits, signals: drainSignals(source, (code) => exits.push(code)) };
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`the first ${signal} asks for a drain and exits nothing`, async () => {
    const { source, exits, signals } = listening();
    source.emit(signal);
    assert.equal(await signals.first, signal);
    assert.deepEqual(exits, []);
  });
}

for (const [first, second, code] of [
  ['SIGTERM', 'SIGTERM', 143],
  ['SIGINT', 'SIGINT', 130],
  ['SIGTERM', 'SIGINT', 130],
  ['SIGINT', 'SIGTERM', 143],
] as const) {
  test(`${second} after ${first} exits with ${code} at once`, async () => {
    const { source, exits, signals } = listening();
    source.emit(first);
    source.emit(second);
    assert.deepEqual(exits, [code]);
    assert.equal(await signals.first, first);
  });
}

test('after stop there are no listeners, and waiting for a signal ends', async () => {
  const { source, exits, signals } = listening();
  signals.stop();
  assert.equal(await signals.first, undefined);
  assert.deepEqual([source.listenerCount('SIGTERM'), source.listenerCount('SIGINT')], [0, 0]);
  source.emit('SIGTERM');
  assert.deepEqual(exits, []);
});

test('a second signal still exits while the drain goes on', async () => {
  const { source, exits, signals } = listening();
  source.emit('SIGTERM');
  await signals.first;
  source.emit('SIGTERM');
  assert.deepEqual(exits, [143]);
});

test('a signal from before anybody listened asks for a drain, and the next one exits', async () => {
  const source = new EventEmitter();
  const exits: number[] = [];
  const signals = drainSignals(source, (code) => exits.push(code), 'SIGTERM');
  assert.equal(await signals.first, 'SIGTERM');
  source.emit('SIGTERM');
  assert.deepEqual(exits, [143]);
});

test('a signal from before is told by a handler of Node that is not there any more', () => {
  // Bit 1 is SIGINT, bit 14 SIGTERM; others are of no matter.
  const status = (caught: string) =>
    `Name:\tnode\nSigIgn:\t0000000000001000\nSigCgt:\t${caught}\nCapInh:\t0\n`;
  assert.equal(signalBefore(status('0000000100004602')), undefined);
  assert.equal(signalBefore(status('0000000100000602')), 'SIGTERM');
  assert.equal(signalBefore(status('0000000100004600')), 'SIGINT');
  assert.equal(signalBefore(''), undefined);
});
