import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { DiscoveryOwner } from '../../../src/discovery/discovery.ts';
import { Events } from '../../../src/proxy/events.ts';
import { CUT } from '../../../src/proxy/outcome.ts';
import { Admission } from '../../../src/proxy/request/admission.ts';
import { RetryBudget } from '../../../src/proxy/request/budget.ts';
import { LazyPirate } from '../../../src/proxy/request/lazy-pirate.ts';
import { Request, type RequestClient } from '../../../src/proxy/request/request.ts';
import { Upstream } from '../../../src/proxy/upstream/upstream.ts';
import { ended } from '../../../src/transport/connection-end.ts';
import { bodyOf, DELIMITER } from '../../../src/transport/message.ts';
import type { ConnectionOwner, Target, Transport } from '../../../src/transport/transport.ts';
import { type RouteOptions, settingsOf } from '../../support/route.ts';
import { VirtualClock } from './virtual-clock.ts';

interface Fake {
  address: string;
  owner: ConnectionOwner;
  sent: number;
  isOpen: boolean;
  /** Its transport has a bug. */
  isBroken: boolean;
}

function start(t: TestContext, { retry, ...options }: RouteOptions = {}) {
  const clock = new VirtualClock(t.mock);
  t.mock.method(globalThis, 'setInterval', () => ({ unref: () => undefined }));
  const settings = settingsOf({ retry: { timeoutMs: 1_000, deadlineMs: 10_000, ...retry }, ...options });
  const admission = new Admission(settings.requests.limits);
  const connections: Fake[] = [];
  const transport = {
    connect(target: Target, owner: ConnectionOwner) {
      const fake: Fake = { address: target.address, owner, sent: 0, isOpen: true, isBroken: false };
      connections.push(fake);
      return {
        send: () => {
          assert.ok(!fake.isBroken, 'a bug');
          return ++fake.sent;
        },
        get handedOver() {
          return fake.sent;
        },
        withdraw: () => false,
        close: () => {
          fake.isOpen = false;
        },
      };
    },
  } as unknown as Transport;
  const events = new Events((error) => {
    throw error;
  });
  events.on('internalError', ({ error }) => {
    throw error;
  });
  const makeUpstream = () => {
    const upstream = new Upstream(settings, transport, admission, events, '', () => 0);
    let owner: DiscoveryOwner | undefined;
    void upstream.run({
      isFixed: true,
      run: async (one: DiscoveryOwner) => {
        owner = one;
      },
    } as never);
    const found = (...addresses: string[]) => owner?.found(addresses.map((address) => ({ address })));
    return { upstream, found };
  };
  const { upstream, found } = makeUpstream();
  const settled: Request[] = [];
  const budget = new RetryBudget(settings.requests.budget, clock.nowMs);
  const pirate = new LazyPirate(
    settings,
    upstream,
    budget,
    admission,
    events,
    { deliver: (request) => settled.push(request) },
    () => 0.5,
  );
  let number = 0;
  const request = (weight = 10, deadlineMs?: number): Request => {
    const idle = { address: undefined, queued: 0, hasLeft: false };
    const client: RequestClient = { ...idle, reply: () => 'taken', done: () => undefined };
    const { retry } = settings.requests;
    const policy = { ...retry, deadlineMs: deadlineMs ?? retry.deadlineMs };
    const arrival = {
      number: ++number,
      run: 'test.run',
      client,
      envelope: DELIMITER,
      body: bodyOf([Buffer.from('x')]),
      bytes: 1,
      weight,
      policy,
    };
    const made = new Request({ ...arrival, arrivedMs: clock.nowMs }, pirate);
    assert.ok(admission.enter(made));
    return made;
  };
  const begin = (...args: [weight?: number, deadlineMs?: number]) => {
    const made = request(...args);
    pirate.begin(made, clock.nowMs);
    return made;
  };
  const open = (address: string) => connections.filter((one) => one.address === address && one.isOpen);
  const ready = (address: string) => {
    for (const { owner } of open(address)) {
      owner.accepted();
      owner.ready({ socketType: 'ROUTER', version: '3.1' });
    }
  };
  /** The newest open connection to the address replies. */
  const reply = (address: string) =>
    open(address)[0]?.owner.message(DELIMITER, bodyOf([Buffer.from('reply')]));
  const lose = (address: string) => {
    for (const one of open(address)) {
      one.isOpen = false;
      one.owner.closed(ended('closed', 'lost'));
    }
  };
  return {
    clock,
    admission,
    upstream,
    found,
    makeUpstream,
    settled,
    pirate,
    begin,
    ready,
    reply,
    lose,
    connections,
    pass: (ms: number) => clock.pass(ms),
  };
}

const A = 'tcp://10.0.0.1:1';
const B = 'tcp://10.0.0.2:1';
const C = 'tcp://10.0.0.3:1';

test('a deadline that is moved forward during a backoff pause is kept', (t) => {
  const { found, ready, begin, pass, settled } = start(t, {
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
    const { found, ready, begin, pass, pirate, admission } = start(t, { limits: { inFlightBytes: 100 } });
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
  const { found, ready, lose, begin, pass } = start(t, {
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
  const { found, ready, reply, begin, pass, pirate, upstream, makeUpstream } = start(t, {
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
  const { found, ready, begin, pass, settled } = start(t, { retry: { timeoutMs: 100, salvage: false } });
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

test('an idle endpoint serves the request behind one that it is too slow for', (t) => {
  const { found, ready, reply, begin, pass } = start(t, {
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
  begin();
  begin();
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

test('an attempt that a bug in the transport keeps from being sent takes no place', (t) => {
  const { found, ready, begin, connections, upstream, clock } = start(t);
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
