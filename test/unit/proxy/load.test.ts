import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Load } from '../../../src/proxy/load.ts';

const limits = {
  inFlight: 1,
  inFlightPerEndpoint: 8,
  adaptive: true,
  inFlightPerClient: 1,
  queue: 2,
  queueBytes: 100,
  messageBytes: 50,
};

test('the queue is bounded by count', () => {
  const load = new Load(limits);
  assert.ok(load.enter(1));
  assert.ok(load.enter(1));
  assert.equal(load.enter(1), undefined);
});

test('the queue is bounded by bytes', () => {
  const load = new Load(limits);
  assert.ok(load.enter(60));
  assert.equal(load.enter(50), undefined);
  assert.ok(load.enter(40));
});

test('requests behind others of their own client leave a quarter of the queue to the rest', () => {
  const load = new Load({ ...limits, queue: 4, queueBytes: 100 });
  assert.ok(load.enter(100, true), 'alone it may be as large as any');
  assert.equal(load.enter(1, true), undefined);
  const other = new Load({ ...limits, queue: 4, queueBytes: 100 });
  for (let i = 0; i < 3; i++) assert.ok(other.enter(20, true));
  assert.equal(other.enter(1, true), undefined, 'three of four');
  assert.ok(other.enter(40));
  assert.equal(other.enter(0), undefined);
  const bytes = new Load({ ...limits, queue: 4, queueBytes: 100 });
  assert.ok(bytes.enter(60, true));
  assert.equal(bytes.enter(16, true), undefined, '75 of 100');
  assert.ok(bytes.enter(16));
});

test('a request moves from the queue to in flight, and leaves nothing behind', () => {
  const load = new Load(limits);
  const place = load.enter(10);
  assert.ok(place);
  assert.deepEqual([load.queued, load.queuedBytes, load.inFlight, load.mayStart], [1, 10, 0, true]);
  load.start(place);
  load.start(place);
  assert.deepEqual([load.queued, load.queuedBytes, load.inFlight, load.mayStart], [0, 0, 1, false]);
  assert.equal(load.isEmpty, false);
  load.leave(place);
  load.leave(place);
  assert.deepEqual([load.queued, load.queuedBytes, load.inFlight, load.mayStart], [0, 0, 0, true]);
  assert.ok(load.isEmpty);
});

test('a request that is given up in the queue leaves nothing behind', () => {
  const load = new Load(limits);
  const place = load.enter(10);
  assert.ok(place);
  load.leave(place);
  assert.deepEqual([load.queued, load.queuedBytes, load.inFlight], [0, 0, 0]);
});
