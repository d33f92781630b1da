import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Admission, type Admitted, type Queued } from '../../../../src/proxy/request/admission.ts';
import { unsettledIn } from '../../../../src/proxy/status.ts';

const client = (): Queued => ({ queued: 0 });

/** A request that has just arrived. */
const request = (weight: number, from = client()): Admitted => ({ weight, client: from, stage: 'outside' });

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

/** Requests of different clients, which have entered the queue. */
function entered(admission: Admission, ...weights: number[]): Admitted[] {
  const requests = weights.map((weight) => request(weight));
  for (const one of requests) assert.ok(admission.enter(one), 'there is room in the queue');
  return requests;
}

test('the queue is bounded by count', () => {
  const admission = new Admission(limits);
  assert.ok(admission.enter(request(1)));
  assert.ok(admission.enter(request(1)));
  const third = request(1);
  assert.equal(admission.enter(third), false);
  assert.deepEqual([admission.queued, third.stage, third.client.queued], [2, 'outside', 0]);
});

test('the queue is bounded by bytes', () => {
  const admission = new Admission(limits);
  assert.ok(admission.enter(request(60)));
  assert.equal(admission.enter(request(50)), false);
  assert.ok(admission.enter(request(40)));
});

test('a client leaves a quarter of the queue to the others', () => {
  const flood = client();
  const admission = new Admission({ ...limits, queue: 4, queueBytes: 100 });
  for (let i = 0; i < 3; i++) assert.ok(admission.enter(request(20, flood)));
  assert.equal(admission.enter(request(1, flood)), false, 'three of four');
  assert.ok(admission.enter(request(40)));
  assert.equal(admission.enter(request(0)), false);
});

test('a client leaves a quarter of the bytes to the others, unless it has only one request', () => {
  const flood = client();
  const admission = new Admission({ ...limits, queue: 4, queueBytes: 100 });
  const largest = request(100, flood);
  assert.ok(admission.enter(largest));
  assert.equal(admission.enter(request(1, flood)), false);
  admission.end(largest);
  admission.leave(largest);
  assert.ok(admission.enter(request(60, flood)));
  assert.equal(admission.enter(request(16, flood)), false, '75 of 100');
  assert.ok(admission.enter(request(16)));
});

test('a request that was sent or given up no longer counts as queued', () => {
  const admission = new Admission({ ...limits, queue: 4 });
  const app = client();
  const [first, second] = [request(1, app), request(1, app)];
  for (const one of [first, second]) assert.ok(admission.enter(one));
  admission.start(first);
  assert.equal(app.queued, 1);
  admission.end(second);
  admission.end(second);
  assert.equal(app.queued, 0);
  admission.end(first);
  assert.equal(app.queued, 0);
});

test('a request moves from the queue to in flight, and leaves nothing behind', () => {
  const admission = new Admission(limits);
  const one = request(10);
  const counts = () => {
    const { queued, queuedBytes, inFlight, inFlightBytes, hasRoom } = admission;
    return [queued, queuedBytes, inFlight, inFlightBytes, hasRoom];
  };
  assert.ok(admission.enter(one));
  assert.deepEqual([one.stage, ...counts()], ['queued', 1, 10, 0, 0, true]);
  admission.start(one);
  assert.deepEqual([one.stage, ...counts()], ['inFlight', 0, 0, 1, 10, false]);
  assert.equal(admission.isEmpty, false);
  admission.end(one);
  admission.leave(one);
  admission.leave(one);
  assert.deepEqual([one.stage, ...counts()], ['outside', 0, 0, 0, 0, true]);
  assert.ok(admission.isEmpty);
});

test('a request that is given up in the queue leaves nothing behind', () => {
  const admission = new Admission(limits);
  const [one] = entered(admission, 10);
  assert.ok(one);
  admission.end(one);
  admission.leave(one);
  assert.deepEqual([admission.queued, admission.queuedBytes, admission.inFlight], [0, 0, 0]);
  assert.ok(admission.isEmpty);
});

test('what has ended leaves its room at once, and is counted until it is settled', () => {
  const admission = new Admission(limits);
  const [sent, unsent] = entered(admission, 10, 10);
  assert.ok(sent && unsent);
  admission.start(sent);
  for (const one of [sent, sent, unsent, unsent]) admission.end(one);
  const { queued, queuedBytes, inFlight, hasRoom } = admission;
  assert.deepEqual([queued, queuedBytes, inFlight, hasRoom], [0, 0, 0, true]);
  assert.deepEqual([admission.answering, admission.unsent, admission.isEmpty], [1, 1, false]);
  admission.leave(sent);
  admission.leave(unsent);
  assert.deepEqual([admission.answering, admission.unsent, admission.isEmpty], [0, 0, true]);
});

test('each of those that could not enter is counted until it is settled', () => {
  const admission = new Admission(limits);
  const refused = [request(1), request(1)];
  for (const one of refused) admission.fail(one);
  assert.equal(admission.unsent, 2);
  for (const one of refused) {
    assert.equal(one.stage, 'unsent');
    assert.equal(admission.isEmpty, false);
    admission.end(one);
    admission.leave(one);
  }
  assert.ok(admission.isEmpty);
});

test('every request that is not settled is in exactly one of the counts', () => {
  const admission = new Admission({ ...limits, queue: 4 });
  const [sent, waiting, done] = entered(admission, 1, 1, 1);
  assert.ok(sent && waiting && done);
  const refused = request(1);
  admission.fail(refused);
  for (const one of [sent, done]) admission.start(one);
  admission.end(done);
  const { queued, inFlight, answering, unsent } = admission;
  assert.deepEqual([queued, inFlight, answering, unsent, unsettledIn(admission)], [1, 1, 1, 1, 4]);
});

test('bytes in flight are bounded too, but a request that is larger than the limit goes alone', () => {
  const admission = new Admission({ ...limits, inFlight: 10, inFlightBytes: 50, queue: 10 });
  const [first, second, large] = entered(admission, 40, 20, 40);
  assert.ok(first && second && large);
  assert.ok(admission.mayStart(first));
  admission.start(first);
  assert.equal(admission.mayStart(second), false, '60 of 50');
  admission.end(first);
  assert.equal(admission.inFlightBytes, 0);
  admission.limits = { ...admission.limits, inFlightBytes: 30 };
  assert.ok(admission.mayStart(large));
  admission.start(large);
  assert.equal(admission.mayStart(second), false);
});
