import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Load, type Waiting } from '../../../src/proxy/load.ts';

const client = (): Waiting => ({ queued: 0 });

const limits = {
  inFlight: 1,
  inFlightBytes: 1_000,
  inFlightPerEndpoint: { plain: 8, correlated: 64 },
  adaptive: true,
  inFlightPerClient: 1,
  queue: 2,
  queueBytes: 100,
  messageBytes: 50,
  connections: 10,
};

test('the queue is bounded by count', () => {
  const load = new Load(limits);
  assert.ok(load.enter(1, client()));
  assert.ok(load.enter(1, client()));
  assert.equal(load.enter(1, client()), undefined);
});

test('the queue is bounded by bytes', () => {
  const load = new Load(limits);
  assert.ok(load.enter(60, client()));
  assert.equal(load.enter(50, client()), undefined);
  assert.ok(load.enter(40, client()));
});

test('a client leaves a quarter of the queue to the others', () => {
  const flood = client();
  const load = new Load({ ...limits, inFlightPerClient: 100, queue: 4, queueBytes: 100 });
  for (let i = 0; i < 3; i++) assert.ok(load.enter(20, flood));
  assert.equal(load.enter(1, flood), undefined, 'three of four');
  assert.ok(load.enter(40, client()));
  assert.equal(load.enter(0, client()), undefined);
});

test('a client leaves a quarter of the bytes to the others, unless it has only one request', () => {
  const flood = client();
  const load = new Load({ ...limits, queue: 4, queueBytes: 100 });
  const largest = load.enter(100, flood);
  assert.ok(largest);
  assert.equal(load.enter(1, flood), undefined);
  load.leave(largest);
  assert.ok(load.enter(60, flood));
  assert.equal(load.enter(16, flood), undefined, '75 of 100');
  assert.ok(load.enter(16, client()));
});

test('a request that was sent or given up no longer counts as waiting', () => {
  const load = new Load({ ...limits, queue: 4 });
  const app = client();
  const [first, second] = [load.enter(1, app), load.enter(1, app)];
  assert.ok(first && second);
  load.start(first);
  load.leave(second);
  load.leave(second);
  assert.equal(app.queued, 0);
  load.leave(first);
  assert.equal(app.queued, 0);
});

test('a request moves from the queue to in flight, and leaves nothing behind', () => {
  const load = new Load(limits);
  const place = load.enter(10, client());
  assert.ok(place);
  assert.deepEqual([load.queued, load.queuedBytes, load.inFlight, load.hasRoom], [1, 10, 0, true]);
  load.start(place);
  load.start(place);
  assert.deepEqual([load.queued, load.queuedBytes, load.inFlight, load.hasRoom], [0, 0, 1, false]);
  assert.equal(load.isEmpty, false);
  load.leave(place);
  load.leave(place);
  assert.deepEqual([load.queued, load.queuedBytes, load.inFlight, load.hasRoom], [0, 0, 0, true]);
  assert.ok(load.isEmpty);
});

test('a request that is given up in the queue leaves nothing behind', () => {
  const load = new Load(limits);
  const place = load.enter(10, client());
  assert.ok(place);
  load.leave(place);
  assert.deepEqual([load.queued, load.queuedBytes, load.inFlight], [0, 0, 0]);
});

test('what has ended leaves its room at once, and is counted until it is settled', () => {
  const load = new Load(limits);
  const [sent, unsent] = [load.enter(10, client()), load.enter(10, client())];
  assert.ok(sent && unsent);
  load.start(sent);
  load.end(sent);
  load.end(unsent);
  load.end(unsent);
  assert.deepEqual([load.queued, load.queuedBytes, load.inFlight, load.hasRoom], [0, 0, 0, true]);
  assert.deepEqual([load.ended, load.refused, load.isEmpty], [1, 1, false]);
  load.leave(sent);
  load.leave(unsent);
  assert.deepEqual([load.ended, load.refused, load.isEmpty], [0, 0, true]);
});

test('each of those that could not enter is counted until it is settled', () => {
  const load = new Load(limits);
  const places = [load.refuse(), load.refuse()];
  assert.equal(load.refused, 2);
  for (const place of places) {
    assert.equal(load.isEmpty, false);
    load.leave(place);
  }
  assert.ok(load.isEmpty);
  assert.equal(load.refuse().state, 'refused');
});

test('bytes in flight are bounded too, but a request that is larger than the limit goes alone', () => {
  const load = new Load({ ...limits, inFlight: 10, inFlightBytes: 50, queue: 10 });
  const enter = (bytes: number) => load.enter(bytes, client()) ?? assert.fail('no room in the queue');
  const [first, second, large] = [enter(40), enter(20), enter(40)];
  assert.ok(load.mayStart(first));
  load.start(first);
  assert.equal(load.mayStart(second), false, '60 of 50');
  load.leave(first);
  assert.equal(load.inFlightBytes, 0);
  load.limits = { ...load.limits, inFlightBytes: 30 };
  assert.ok(load.mayStart(large));
  load.start(large);
  assert.equal(load.mayStart(second), false);
});
