import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CUT } from '../../../src/proxy/outcome.ts';
import { A, B, C, startVirtual } from './virtual-route.ts';

test('a deadline that is moved forward during a backoff pause is kept', (t) => {
  const { found, ready, begin, pass, settled } = startVirtual(t, {
    retry: { timeoutMs: 100, deadlineMs: 10_000, salvage: false, backoff: { baseMs: 2_000, maxMs: 2_000 } },
  });
  found(A);
  ready(A);
  const request = begin();
  pass(110);
  assert.equal(request.state.kind, 'pausing');
  request.shorten(request.arrivedMs + 200);
  pass(150);
  assert.equal(settled.length, 1, 'it is settled at its deadline, not at the end of the pause');
});

for (const why of ['the deadline of the one before it passes', 'the client of the one before it leaves']) {
  test(`a request that fits below the limit of the route is sent when ${why}`, (t) => {
    const { found, ready, begin, pass, pirate, admission } = startVirtual(t, {
      limits: { inFlightBytes: 100 },
    });
    found(A, B);
    ready(A);
    ready(B);
    const first = begin(50);
    const heavy = begin(90, 200);
    const light = begin(10);
    assert.deepEqual(
      [first, heavy, light].map(({ state }) => state.kind),
      ['awaiting', 'waiting', 'waiting'],
    );
    if (why.includes('leaves')) pirate.abandon(heavy);
    else pass(210);
    assert.equal(heavy.state.kind, 'decided');
    assert.ok(admission.mayStart(light), 'the route has room for it, and endpoint B is free');
    pass(500);
    assert.equal(light.state.kind, 'awaiting');
  });
}

test('a request that is ending is sent no more', (t) => {
  const { found, ready, lose, begin, pass } = startVirtual(t, {
    retry: { timeoutMs: 1_000, deadlineMs: 5_000, hedgeMs: 10, waitMs: 50, attempts: 5 },
  });
  found(A, B);
  ready(A);
  ready(B);
  const request = begin();
  pass(20);
  assert.deepEqual(
    request.attempts.map(({ endpoint }) => endpoint.address),
    [A, B],
  );
  // The endpoint of the first attempt leaves the set, and finishes it; the connection of the second one drops.
  found(B);
  lose(B);
  pass(200);
  assert.equal(
    request.state.kind,
    'ending',
    'the time to wait for an endpoint is over; the first attempt is still awaited',
  );
  assert.equal(request.line, undefined, 'it is in no line any more');
  ready(B);
  pass(5);
  assert.equal(request.attempts.length, 2, 'nothing more is sent');
});

test('a request that waits in the line of an upstream that is replaced goes to the next one', (t) => {
  const { found, ready, reply, begin, pass, pirate, upstream, makeUpstream } = startVirtual(t, {
    limits: { inFlightPerEndpoint: 1, adaptive: false },
  });
  found(A, B);
  ready(B);
  for (let i = 0; i < 6; i++) {
    begin();
    pass(400);
    reply(B);
  }
  ready(A);
  const atA = begin();
  const atB = begin();
  assert.deepEqual([atA.attempts[0]?.endpoint.address, atB.attempts[0]?.endpoint.address], [A, B]);
  const request = begin(10, 300);
  pass(10);
  reply(B);
  assert.equal(request.state.kind, 'waiting', 'B is free but too slow, so it waits for A');
  const next = makeUpstream();
  next.found(C);
  ready(C);
  pirate.upstream = next.upstream;
  upstream.retire();
  assert.deepEqual([request.failure, request.attempts[0]?.endpoint.address], [undefined, C]);
});

test('a request that is settled while its timeout is handled is settled once', (t) => {
  const { found, ready, begin, pass, settled } = startVirtual(t, {
    retry: { timeoutMs: 100, salvage: false },
  });
  found(A);
  ready(A);
  const request = begin();
  const lane = request.attempts[0]?.lane;
  assert.ok(lane);
  const release = lane.release.bind(lane);
  // As when the place that becomes free ends another request of the same client, whose reply finds the client's buffer full.
  lane.release = (attempt, nowMs) => {
    release(attempt, nowMs);
    request.fail(CUT);
  };
  pass(110);
  assert.equal(settled.length, 1);
});

/** A and B, each with the one request that it may have. B is known to take 400 ms for each. */
function startWithSlow(t: TestContext) {
  const running = startVirtual(t, { limits: { inFlightPerEndpoint: 1, adaptive: false } });
  const { found, ready, reply, begin, pass } = running;
  found(A, B);
  ready(B);
  for (let i = 0; i < 6; i++) {
    begin();
    pass(400);
    reply(B);
  }
  ready(A);
  begin();
  begin();
  return running;
}

test('an idle endpoint serves the request behind one that it is too slow for', (t) => {
  const { reply, begin, pass } = startWithSlow(t);
  const hasty = begin(10, 300);
  pass(10);
  reply(B);
  assert.equal(hasty.state.kind, 'waiting', 'B is idle but too slow for it');
  const patient = begin();
  assert.deepEqual([patient.state.kind, patient.attempts[0]?.endpoint.address], ['awaiting', B]);
  assert.equal(hasty.state.kind, 'waiting', 'it is still the next in line');
  reply(A);
  assert.equal(hasty.attempts[0]?.endpoint.address, A);
});

test('a request in line whose deadline moves forward keeps its place there, even if an endpoint is free', (t) => {
  const { reply, begin, pass, admission } = startWithSlow(t);
  const hasty = begin(10, 300);
  const patient = begin();
  const last = begin(10, 350);
  pass(10);
  reply(B);
  const inLine = [hasty, patient, last];
  assert.deepEqual(
    inLine.map(({ state }) => state.kind),
    ['waiting', 'waiting', 'waiting'],
    'B is free, but too slow for the first and the last',
  );
  // As when the client of the patient one sends ahead, after a reload that shortened the deadline.
  patient.shorten(patient.arrivedMs + 1_000);
  assert.ok(patient.line !== undefined || patient.attempts.length > 0);
  assert.ok(patient.line === undefined || patient.attempts.length === 0, 'what was sent is in line no more');
  reply(A);
  reply(A);
  reply(A);
  reply(B);
  begin();
  assert.deepEqual(
    inLine.map(({ attempts, line }) => [attempts.length, line]),
    [
      [1, undefined],
      [1, undefined],
      [1, undefined],
    ],
    'each was sent once',
  );
  assert.equal(admission.queued, 0);
});

test('a retry opens a connection, also while a limit of the route holds back those who stand in line', (t) => {
  const { found, ready, begin, pass, drop, open, connections } = startVirtual(t, {
    limits: { inFlight: 2, inFlightPerEndpoint: 2 },
    retry: { timeoutMs: 60_000, deadlineMs: 60_000, backoff: { baseMs: 100, maxMs: 100 } },
  });
  found(A);
  ready(A);
  begin();
  const unlucky = begin();
  ready(A);
  const heldBack = begin();
  pass(10);
  drop(connections.at(-1));
  ready(A);
  pass(10);
  drop(connections.at(-1));
  assert.deepEqual([unlucky.state.kind, open(A).length], ['pausing', 1], 'it needs no connection yet');
  pass(200);
  assert.equal(open(A).length, 2);
  ready(A);
  assert.deepEqual([unlucky.attempts.length, heldBack.state.kind], [3, 'waiting']);
});

test('if the connection fails that was opened for who stands in line, another endpoint opens one, and then the same one again', (t) => {
  const { found, ready, begin, pass, drop, open, connections } = startVirtual(t, {
    retry: { timeoutMs: 60_000, deadlineMs: 60_000 },
  });
  found(A, B);
  ready(A);
  ready(B);
  begin();
  begin();
  begin();
  const opened = () => [open(A).length, open(B).length];
  assert.deepEqual(opened(), [2, 1]);
  drop(connections.at(-1));
  assert.deepEqual(opened(), [1, 2]);
  drop(connections.at(-1));
  assert.deepEqual(opened(), [1, 1], 'after that there is a pause');
  pass(100);
  assert.ok(open(A).length + open(B).length > 2);
});

test('if the endpoint that took the first in line can take no more, another one opens a connection for the next', (t) => {
  const { found, ready, begin, open } = startVirtual(t, { limits: { inFlightPerEndpoint: 2 } });
  found(A, B);
  ready(A);
  ready(B);
  for (let requests = 0; requests < 4; requests++) begin();
  const opened = () => [open(A).length, open(B).length];
  assert.deepEqual(opened(), [2, 1]);
  ready(A);
  assert.deepEqual(opened(), [2, 2]);
});

test('a retry in line whose deadline has passed is not sent, if a reply frees a place before that is noticed', (t) => {
  const { found, ready, begin, clock, lose, reply, settled } = startVirtual(t, {
    limits: { inFlightPerEndpoint: 1, adaptive: false },
    retry: { timeoutMs: 60_000, deadlineMs: 5_000 },
  });
  found(A, B);
  ready(A);
  const retry = begin(10, 1_000);
  ready(B);
  const atB = begin();
  const behind = begin();
  lose(A);
  assert.deepEqual([retry.state.kind, behind.state.kind], ['waiting', 'waiting']);
  clock.stall(1_500);
  reply(B);
  assert.deepEqual(settled, [atB, retry]);
  assert.deepEqual([retry.attempts.length, retry.failure?.code], [1, 'LOST']);
  assert.equal(behind.attempts.length, 1, 'the place is for the next one');
});

test('when the last endpoint that is not ejected is ejected, a free one serves who stands in line at once', (t) => {
  const { found, ready, begin, pass, lose, upstream } = startVirtual(t, {
    limits: { inFlightPerEndpoint: 1, adaptive: false },
    retry: { timeoutMs: 1_000, attempts: 1 },
    ejection: { failures: 1, baseMs: 60_000, maxMs: 60_000, maxFraction: 1 },
  });
  found(A, B);
  ready(A);
  begin();
  lose(A);
  pass(100);
  ready(A);
  ready(B);
  const atB = begin();
  const waiting = begin();
  assert.deepEqual([atB.attempts[0]?.endpoint.address, waiting.state.kind], [B, 'waiting'], 'A is ejected');
  pass(1_002);
  assert.equal(upstream.status(performance.now()).endpoints[1]?.state, 'ejected');
  assert.equal(waiting.attempts[0]?.endpoint.address, A);
});

test('an endpoint has no more attempts than allowed, also if the one that is sent was due a moment ago', (t) => {
  const { found, ready, begin, request, pass, pirate, upstream, clock } = startVirtual(t, {
    limits: { inFlightPerEndpoint: 2, adaptive: false },
    retry: { timeoutMs: 1_000, deadlineMs: 10_000 },
    budget: { ratio: 0, minPerSecond: 0 },
  });
  found(A);
  ready(A);
  begin();
  begin();
  ready(A);
  pass(1_002);
  ready(A);
  // Two timeouts after they were sent, the newer of the late attempts may lose its place.
  clock.nowMs = 102_000.25;
  const next = request();
  pirate.begin(next, clock.nowMs - 1);
  assert.equal(next.attempts.length, 1);
  assert.equal(upstream.status(clock.nowMs).endpoints[0]?.inFlight, 2);
});

test('an attempt that a bug in the transport keeps from being sent takes no place', (t) => {
  const { found, ready, begin, connections, upstream, clock } = startVirtual(t);
  found(A);
  ready(A);
  const [connection] = connections;
  assert.ok(connection !== undefined);
  connection.isBroken = true;
  assert.throws(() => begin(), /a bug/);
  assert.equal(upstream.status(clock.nowMs).endpoints[0]?.inFlight, 0);
  connection.isBroken = false;
  assert.equal(begin().attempts.length, 1, 'the connection is still free');
});
