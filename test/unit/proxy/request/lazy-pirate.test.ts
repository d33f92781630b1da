import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Events } from '../../../../src/proxy/events.ts';
import { Admission } from '../../../../src/proxy/request/admission.ts';
import { RetryBudget } from '../../../../src/proxy/request/budget.ts';
import { LazyPirate } from '../../../../src/proxy/request/lazy-pirate.ts';
import { Request, type RequestClient } from '../../../../src/proxy/request/request.ts';
import { Attempt } from '../../../../src/proxy/upstream/attempt.ts';
import type { Lane } from '../../../../src/proxy/upstream/lane.ts';
import type { PendingRequest } from '../../../../src/proxy/upstream/pending-request.ts';
import type { Upstream } from '../../../../src/proxy/upstream/upstream.ts';
import { WaitingLine } from '../../../../src/proxy/upstream/waiting-line.ts';
import { type Body, bodyOf, DELIMITER, framesOf } from '../../../../src/transport/message.ts';
import { type RecordedEvent, recordEvents } from '../../../support/recorded-events.ts';
import { type RouteOptions, settingsOf } from '../../../support/route.ts';
import { VirtualClock } from '../virtual-clock.ts';

/** An upstream whose endpoints do what a test says. Each attempt goes to another endpoint. */
class ScriptedUpstream {
  isUsable = true;
  isFull = false;
  isHeldBack = false;
  unusableSinceMs = 0;
  whyUnusable = 'no endpoint is known yet';
  /** Whether there is a place for an attempt, and another one for a hedge. */
  hasRoom = true;
  hasOther = true;
  /** Whether attempts can be taken back. */
  canWithdraw = false;
  freedCount = 0;
  readonly attempts: Attempt[] = [];
  readonly released: Attempt[] = [];
  waiting: PendingRequest | undefined;
  readonly lane = {
    withdraw: (attempt: Attempt) => {
      attempt.isUnsent ||= this.canWithdraw && attempt.state !== 'ended';
      return attempt.isUnsent;
    },
    timeOut: (attempt: Attempt) => {
      attempt.state = 'late';
    },
    release: (attempt: Attempt) => {
      attempt.state = 'ended';
      this.released.push(attempt);
    },
  };

  send = (request: PendingRequest, nowMs: number): Attempt | undefined => {
    if (this.hasRoom) return this.#attempt(request, nowMs);
    this.waiting = request;
    return undefined;
  };

  elsewhere = () => (this.hasOther ? { send: this.#attempt.bind(this) } : undefined);

  freed = () => {
    this.freedCount++;
  };

  #attempt(request: PendingRequest, nowMs: number): Attempt {
    const endpoint = { address: `tcp://10.0.0.${this.attempts.length + 1}:7000` };
    const attempt = new Attempt(request, { ...this.lane, endpoint } as unknown as Lane, nowMs);
    this.attempts.push(attempt);
    return attempt;
  }

  at(index: number): Attempt {
    const attempt = this.attempts[index];
    assert.ok(attempt, `attempt ${index} was sent`);
    return attempt;
  }

  reply(index: number, text = 'reply'): void {
    const attempt = this.at(index);
    attempt.state = 'ended';
    attempt.request.replied(attempt, bodyOf([Buffer.from(text)]), performance.now());
  }

  fail(index: number, failure: 'unsent' | 'lost' | 'protocol'): void {
    const attempt = this.at(index);
    attempt.state = 'ended';
    attempt.isUnsent = failure === 'unsent';
    attempt.request.failed(attempt, failure);
  }
}

const textOf = (body: Body | undefined) => body && String(framesOf(body.chunks)[0]);

/** A Lazy Pirate loop on a clock that the test moves, and a request that has not begun. */
function start(t: TestContext, { retry, ...options }: RouteOptions = {}) {
  const clock = new VirtualClock(t.mock);
  const settings = settingsOf({ retry: { timeoutMs: 100, deadlineMs: 1_000, ...retry }, ...options });
  const admission = new Admission(settings.requests.limits);
  const upstream = new ScriptedUpstream();
  const told: RecordedEvent[] = [];
  const events = new Events((error) => {
    throw error;
  });
  recordEvents(events, (event) => told.push(event));
  const budget = new RetryBudget(settings.requests.budget, clock.nowMs);
  const settled: Request[] = [];
  const half = () => 0.5;
  const scripted = upstream as unknown as Upstream;
  const done = (request: Request) => settled.push(request);
  const pirate = new LazyPirate(settings, scripted, budget, admission, events, { deliver: done }, half);
  const idle = { address: undefined, queued: 0, hasLeft: false };
  const client: RequestClient = { ...idle, reply: () => 'taken', done: () => undefined };
  const body = bodyOf([Buffer.from('request')]);
  const policy = settings.requests.retry;
  const arrival = { number: 1, run: 'test.run', client, envelope: DELIMITER, body, bytes: 7, weight: 16 };
  const request = new Request({ ...arrival, arrivedMs: clock.nowMs, policy }, pirate);
  assert.ok(admission.enter(request));
  return {
    upstream,
    pirate,
    admission,
    request,
    clock,
    settled,
    begin: () => pirate.begin(request, clock.nowMs),
    pass: (ms: number) => clock.pass(ms),
    /** What was told, but for which request: `attempt lost`, `retry lost`, ... */
    told: () => told.map((event) => [event.kind, ...whatOf(event)].join(' ')),
  };
}

function whatOf(event: RecordedEvent): string[] {
  const { result, reason, fate } = event as { result?: string; reason?: string; fate?: string };
  return [result, reason, fate].filter((what) => what !== undefined);
}

test('the first reply is the result, and nothing is left in flight', (t) => {
  const { upstream, admission, begin, pass, settled, told } = start(t);
  begin();
  assert.deepEqual([upstream.attempts.length, admission.inFlight, settled.length], [1, 1, 0]);
  upstream.reply(0);
  assert.deepEqual(
    settled.map(({ reply }) => textOf(reply)),
    ['reply'],
  );
  assert.deepEqual([admission.inFlight, admission.answering], [0, 1]);
  pass(2_000);
  assert.equal(settled.length, 1, 'it is settled once');
  assert.deepEqual(told(), ['sent', 'attempt ok']);
});

test('a request whose client leaves in the moment in which its time is up is settled once', (t) => {
  const { upstream, pirate, request, begin, pass, settled } = start(t);
  upstream.hasRoom = false;
  begin();
  new WaitingLine().join(request);
  // The one behind it is refused, and its client does not read that: the client has sent both.
  upstream.freed = () => pirate.abandon(request);
  pass(1_001);
  assert.equal(settled.length, 1);
});

test('a connection that drops is followed by another attempt at once, and its reply counts', (t) => {
  const { upstream, begin, settled, told } = start(t);
  begin();
  upstream.fail(0, 'lost');
  assert.equal(upstream.attempts.length, 2);
  upstream.reply(1);
  assert.equal(textOf(settled[0]?.reply), 'reply');
  assert.deepEqual(told(), ['sent', 'attempt lost', 'retry lost', 'sent', 'attempt ok']);
});

test('a timeout is followed by another attempt after a pause, and told as its reason', (t) => {
  const { upstream, begin, pass, told } = start(t);
  begin();
  pass(99);
  assert.deepEqual(told(), ['sent']);
  pass(3);
  assert.deepEqual(told(), ['sent', 'attempt timeout']);
  pass(15);
  assert.deepEqual(told(), ['sent', 'attempt timeout', 'retry timeout', 'sent']);
  assert.equal(upstream.attempts.length, 2);
});

test('a late reply to an earlier attempt answers its request, and the newer attempt is cancelled', (t) => {
  const { upstream, begin, pass, settled, told } = start(t);
  begin();
  pass(120);
  upstream.reply(0, 'late');
  assert.equal(textOf(settled[0]?.reply), 'late');
  assert.deepEqual(upstream.released, [upstream.at(1)]);
  assert.deepEqual(told().slice(-2), ['lateReply salvaged', 'attempt cancelled']);
});

test('without `salvage`, an attempt that timed out is released at once', (t) => {
  const { upstream, begin, pass } = start(t, { retry: { salvage: false } });
  begin();
  pass(102);
  assert.deepEqual(upstream.released, [upstream.at(0)]);
});

test('when the attempts are exhausted, the failure says what happened to the last one', (t) => {
  const { upstream, begin, settled, told, pass } = start(t, { retry: { attempts: 2 } });
  begin();
  upstream.fail(0, 'lost');
  upstream.fail(1, 'protocol');
  assert.deepEqual([settled.length, settled[0]?.failure?.code], [1, 'LOST']);
  assert.match(settled[0]?.failure?.message ?? '', /not a reply/);
  assert.deepEqual(told().slice(-2), ['attempt protocol', 'retryDenied policy']);
  pass(2_000);
  assert.equal(upstream.attempts.length, 2);
});

test('when all attempts have timed out, the failure is a timeout, and what is late is released', (t) => {
  const { upstream, begin, settled, pass } = start(t);
  begin();
  pass(600);
  assert.deepEqual([settled.length, settled[0]?.failure?.code], [1, 'TIMEOUT']);
  assert.equal(upstream.attempts.length, 3);
  assert.deepEqual(new Set(upstream.released), new Set(upstream.attempts));
});

test('a request that certainly never left this process fails as one that found no endpoint', (t) => {
  const { upstream, begin, settled } = start(t, { retry: { attempts: 1 } });
  begin();
  upstream.fail(0, 'unsent');
  assert.deepEqual(settled[0]?.failure, {
    code: 'NO_ENDPOINTS',
    message: 'the connection dropped before the request could be sent',
  });
});

test('a retry that the budget denies leaves a late reply its time, until the deadline', (t) => {
  const budget = { ratio: 0, minPerSecond: 0 };
  const { upstream, begin, pass, settled, told } = start(t, { budget });
  begin();
  pass(990);
  assert.equal(settled.length, 0);
  assert.deepEqual(told(), ['sent', 'attempt timeout', 'retryDenied budget']);
  pass(15);
  assert.deepEqual([settled.length, settled[0]?.failure?.code], [1, 'TIMEOUT']);
  assert.deepEqual([upstream.attempts.length, upstream.released.length], [1, 1]);
});

test('a late reply ends the time that the budget left it', (t) => {
  const { upstream, begin, pass, settled } = start(t, { budget: { ratio: 0, minPerSecond: 0 } });
  begin();
  pass(500);
  upstream.reply(0, 'late');
  assert.equal(textOf(settled[0]?.reply), 'late');
});

test('a retry that would come after the deadline is denied for it', (t) => {
  const { begin, pass, told, settled } = start(t, { retry: { deadlineMs: 105 } });
  begin();
  pass(104);
  assert.deepEqual(told(), ['sent', 'attempt timeout', 'retryDenied deadline']);
  pass(3);
  assert.equal(settled[0]?.failure?.code, 'TIMEOUT');
});

test('a slow attempt gets another one beside it, and the first reply of the two wins', (t) => {
  for (const winner of [0, 1]) {
    const { upstream, begin, pass, settled, told } = start(t, { retry: { hedgeMs: 20 } });
    begin();
    pass(19);
    assert.equal(upstream.attempts.length, 1);
    pass(3);
    assert.equal(upstream.attempts.length, 2);
    upstream.reply(winner, `from ${winner}`);
    assert.equal(textOf(settled[0]?.reply), `from ${winner}`);
    assert.deepEqual(upstream.released, [upstream.at(1 - winner)]);
    assert.deepEqual(told(), ['sent', 'retry hedge', 'sent', 'attempt ok', 'attempt cancelled']);
    t.mock.restoreAll();
  }
});

test('if no other endpoint is free for a hedge, it is looked for again, and nobody is told', (t) => {
  const { upstream, begin, pass, told } = start(t, { retry: { hedgeMs: 5 } });
  upstream.hasOther = false;
  begin();
  pass(50);
  assert.deepEqual(told(), ['sent']);
  upstream.hasOther = true;
  pass(12);
  assert.deepEqual(told(), ['sent', 'retry hedge', 'sent']);
});

test('a hedge that the budget does not allow is not sent, and does not count as a denied retry', (t) => {
  const { begin, pass, told } = start(t, {
    retry: { hedgeMs: 20 },
    budget: { ratio: 0, minPerSecond: 0 },
  });
  begin();
  pass(90);
  assert.deepEqual(told(), ['sent']);
});

test('if the hedge fails, the first attempt goes on beside its retry', (t) => {
  const { upstream, begin, pass, settled, told } = start(t, { retry: { hedgeMs: 20, attempts: 2 } });
  begin();
  pass(22);
  upstream.fail(1, 'lost');
  assert.equal(settled.length, 0, 'the first one has its time');
  upstream.reply(0);
  assert.equal(textOf(settled[0]?.reply), 'reply');
  assert.deepEqual(told().slice(-3), ['attempt lost', 'retryDenied policy', 'attempt ok']);
});

test('a request that nobody waits for any more is released at once, and told as cancelled', (t) => {
  const { upstream, pirate, request, begin, settled, told } = start(t);
  begin();
  pirate.abandon(request);
  assert.equal(settled.length, 1);
  assert.deepEqual(settled[0]?.failure, { code: 'TIMEOUT', message: 'no reply had come when the app left' });
  assert.deepEqual(upstream.released, [upstream.at(0)]);
  assert.deepEqual(told(), ['sent', 'attempt cancelled']);
  pirate.abandon(request);
  assert.equal(settled.length, 1);
});

test('an abandoned request whose attempt could be taken back was never sent', (t) => {
  const { upstream, pirate, request, begin, settled } = start(t);
  upstream.canWithdraw = true;
  begin();
  pirate.abandon(request);
  assert.equal(upstream.at(0).isUnsent, true);
  const message = 'it still waited to be sent when the app left';
  assert.deepEqual(settled[0]?.failure, { code: 'OVERLOADED', message });
});

test('a request that waits in vain for a connection while endpoints are connected ends as overloaded, as if they were full', (t) => {
  const { upstream, begin, pass, settled } = start(t);
  Object.assign(upstream, {
    hasRoom: false,
    whyUnusable: 'no endpoint could be reached: tcp://10.0.0.1:7000: connected',
  });
  begin();
  pass(1_005);
  assert.deepEqual(settled[0]?.failure, {
    code: 'OVERLOADED',
    message: 'no connection to an endpoint could take the request in time',
  });
});

test('a request whose deadline has passed before its turn is not sent', (t) => {
  const { upstream, clock, begin, settled, told } = start(t);
  clock.stall(1_000);
  begin();
  assert.deepEqual([settled.length, settled[0]?.failure?.code], [1, 'OVERLOADED']);
  assert.deepEqual([upstream.attempts.length, told()], [0, []]);
});

test('a request that was refused is settled as such, whatever else is wrong with it', (t) => {
  const { request, clock, begin, settled, upstream } = start(t);
  request.fail({ code: 'DRAINING', message: 'leaving' });
  clock.stall(1_000);
  begin();
  assert.deepEqual([settled.length, settled[0]?.failure?.code], [1, 'DRAINING']);
  assert.equal(upstream.attempts.length, 0);
});

test('a request that is given a place while it waits is sent then', (t) => {
  const { upstream, admission, begin, pass, clock, settled, told } = start(t);
  upstream.hasRoom = false;
  begin();
  pass(500);
  assert.deepEqual([admission.queued, told().length], [1, 0]);
  upstream.hasRoom = true;
  assert.ok(upstream.waiting);
  const attempt = upstream.send(upstream.waiting, clock.nowMs);
  assert.ok(attempt);
  attempt.request.granted(attempt, clock.nowMs);
  assert.deepEqual([admission.queued, admission.inFlight], [0, 1]);
  upstream.reply(0);
  assert.equal(textOf(settled[0]?.reply), 'reply');
});

test('a request that waits for a place until its deadline says whether all were busy or none was there', (t) => {
  for (const [isUsable, code] of [
    [true, 'OVERLOADED'],
    [false, 'NO_ENDPOINTS'],
  ] as const) {
    const { upstream, begin, pass, settled, admission } = start(t);
    Object.assign(upstream, { hasRoom: false, isFull: true, isUsable });
    begin();
    pass(1_005);
    assert.deepEqual([settled.length, settled[0]?.failure?.code], [1, code]);
    assert.deepEqual([admission.queued, admission.unsent], [0, 1]);
    t.mock.restoreAll();
  }
});

test('a failure after an attempt says why there was no further one', (t) => {
  for (const [isUsable, why] of [
    [true, 'every endpoint was busy until the deadline'],
    [false, 'no endpoint is known yet'],
  ] as const) {
    const { upstream, begin, pass, settled } = start(t);
    begin();
    Object.assign(upstream, { hasRoom: false, isFull: true, isUsable });
    upstream.fail(0, 'lost');
    pass(1_005);
    assert.deepEqual(settled[0]?.failure, {
      code: 'LOST',
      message: `the connection dropped before the reply came. There was no further attempt: ${why}`,
    });
    t.mock.restoreAll();
  }
});

test('a failure says nothing of endpoints if the attempts were exhausted', (t) => {
  const { upstream, begin, pass, settled } = start(t, { retry: { attempts: 1 } });
  begin();
  Object.assign(upstream, { hasRoom: false, isFull: true, isUsable: false });
  pass(600);
  assert.equal(settled[0]?.failure?.message, 'no reply in time (100ms per attempt)');
});

test('a client that leaves while its request waits for another attempt is told of with the reason', (t) => {
  const { upstream, begin, request, pirate } = start(t);
  begin();
  Object.assign(upstream, { hasRoom: false, isUsable: false });
  upstream.fail(0, 'lost');
  pirate.abandon(request);
  assert.match(
    request.failure?.message ?? '',
    /dropped before the reply came\. There was no further attempt: no endpoint/,
  );
});

test('a deadline that is moved forward while a request is in flight is kept', (t) => {
  const { request, begin, pass, clock, settled } = start(t, { retry: { timeoutMs: 900 } });
  begin();
  pass(10);
  request.shorten(clock.nowMs + 40);
  pass(39);
  assert.equal(settled.length, 0);
  pass(3);
  assert.equal(settled[0]?.failure?.code, 'TIMEOUT');
});

test('the end of a request that kept others back makes room for them', (t) => {
  const { upstream, begin } = start(t);
  begin();
  upstream.isHeldBack = true;
  upstream.reply(0);
  assert.equal(upstream.freedCount, 1);
});

test('a bug in the upstream when a request is sent settles it as internal, and is told', (t) => {
  const { upstream, begin, settled, told } = start(t);
  upstream.send = () => assert.fail('a bug');
  begin();
  assert.deepEqual([settled.length, settled[0]?.failure?.code], [1, 'INTERNAL']);
  assert.deepEqual(told(), ['internalError']);
});

test('a bug in the upstream when an attempt times out settles its request as internal', (t) => {
  const { upstream, begin, pass, settled, told } = start(t);
  upstream.lane.timeOut = () => assert.fail('a bug');
  begin();
  pass(150);
  assert.deepEqual([settled.length, settled[0]?.failure?.code], [1, 'INTERNAL']);
  assert.ok(told().includes('internalError'));
});

test('a bug in the upstream when an attempt is released does not keep its request from being settled', (t) => {
  const { upstream, pirate, request, begin, settled, told } = start(t);
  upstream.lane.release = () => assert.fail('a bug');
  begin();
  pirate.abandon(request);
  assert.equal(settled.length, 1);
  assert.ok(told().includes('internalError'));
});

test('a reply that is too large says so of its bytes, or else of its frames', (t) => {
  const { pirate } = start(t);
  const most = pirate.settings.endpoints.messageBytes;
  assert.match(pirate.replyTooLarge(most + 1).message, /^the reply has \d+ bytes; at most \d+ are allowed$/);
  assert.equal(pirate.replyTooLarge(most).message, 'the reply has too many frames');
});
