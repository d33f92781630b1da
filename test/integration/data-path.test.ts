import assert from 'node:assert/strict';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { Dealer, Router } from 'zeromq';
import { context } from '../../src/transport/zeromq/context.ts';
import { App, ask } from '../support/ask.ts';
import { TRANSPORT } from '../support/chosen-transport.ts';
import { startRoute } from '../support/route.ts';
import { scratch } from '../support/scratch.ts';
import {
  delay,
  die,
  drop,
  garbage,
  reply,
  type Script,
  ScriptedUpstream,
  type Step,
} from '../support/scripted-upstream.ts';
import { soon, until } from '../support/until.ts';

const UMASK = process.umask();
/** So long that what is waited for comes before it, or never. */
const DEADLINE_MS = 3_600_000;
const TIMEOUT_MS = 60;

/** Upstreams that end with the test. */
async function upstreams(
  t: { after(end: () => void): void },
  ...scripts: (Step | readonly Step[] | Script)[]
) {
  const started = await Promise.all(scripts.map((script) => ScriptedUpstream.start(script)));
  t.after(() => {
    for (const upstream of started) upstream.close();
  });
  return { all: started, addresses: started.map(({ address }) => address) };
}

for (const correlate of [false, true]) {
  test(`an endpoint that swallowed its maximum of requests is used again as soon as it answers, correlate: ${correlate}`, async (t) => {
    const apps = 8;
    let isMute = true;
    const { all, addresses } = await upstreams(t, () => (isMute ? drop : reply));
    const { address, count } = await startRoute(t, addresses, {
      correlate,
      budget: { ratio: 0, minPerSecond: 100 },
      limits: { inFlightPerEndpoint: apps },
      retry: { timeoutMs: 200, attempts: 20, deadlineMs: DEADLINE_MS },
    });
    const asked = Array.from({ length: apps }, (_, index) => ask(address, `q${index}`));
    await until('all are late', () => count('attempt', 'timeout') >= apps);
    isMute = false;
    const answers = await soon('all are answered', Promise.all(asked));
    assert.deepEqual(
      answers.map(({ text }) => text),
      answers.map((_, index) => `q${index}`),
    );
    assert.ok((all[0]?.seen.length ?? 0) > apps);
  });
}

test('a request that waits for late attempts to be given up is served, even if nothing else happens', async (t) => {
  let isFaulty = false;
  const late: Record<string, Step> = { first: delay(240), second: delay(350) };
  const { addresses } = await upstreams(t, (body) => (isFaulty ? (late[body] ?? drop) : delay(180)));
  const { address } = await startRoute(t, addresses, {
    correlate: true,
    // On a slow machine every reply may be late.
    budget: { ratio: 0, minPerSecond: 1_000 },
    retry: { timeoutMs: 200, attempts: 1_000, deadlineMs: DEADLINE_MS },
  });
  await ask(address, 'so long it takes');
  isFaulty = true;
  const asked = ['first', 'second', 'third', 'fourth'].map((body) => ask(address, body));
  await Promise.all(asked.slice(0, 2));
  isFaulty = false;
  for (const { failure } of await soon('all are answered', Promise.all(asked)))
    assert.equal(failure, undefined);
});

test('if an endpoint may have only one attempt, a retry does not take the place of the previous one', async (t) => {
  const { all, addresses } = await upstreams(t, delay(500));
  const { address } = await startRoute(t, addresses, {
    limits: { inFlightPerEndpoint: 1 },
    retry: { timeoutMs: 200, deadlineMs: DEADLINE_MS },
  });
  assert.equal((await ask(address, 'slow')).text, 'slow');
  assert.equal(all[0]?.seen.length, 1);
});

for (const correlate of [false, true]) {
  const mode = correlate ? 'correlated' : 'as a REQ';

  test(`a plain REQ gets its reply with unchanged frames (${mode})`, async (t) => {
    const { addresses } = await upstreams(t, reply);
    const { address, count } = await startRoute(t, addresses, { correlate });
    assert.deepEqual((await ask(address, 'hello')).frames.map(String), ['hello']);
    assert.deepEqual((await ask(address, 'a', '', 'c')).frames.map(String), ['a', '', 'c']);
    assert.deepEqual((await ask(address, '')).frames.map(String), ['']);
    assert.equal(count('settled', 'ok'), 3);
  });

  test(`a dropped connection is retried elsewhere at once (${mode})`, async (t) => {
    const { all, addresses } = await upstreams(t, die, die, reply);
    const { address, count, event } = await startRoute(t, addresses, { correlate });
    await Promise.all(
      addresses.map((one) => event((e) => e.kind === 'endpoint' && e.endpoint === one && e.to === 'up')),
    );
    for (let i = 0; count('attempt', 'lost') < 2; i++) {
      assert.equal((await ask(address, `q${i}`)).text, `q${i}`);
    }
    assert.equal(count('attempt', 'timeout'), 0, 'it is not the timeout that ends an attempt');
    assert.equal(all[2]?.seen.length, count('settled', 'ok'));
  });

  test(`a timeout is retried, on an endpoint that the request has not tried (${mode})`, async (t) => {
    const { all, addresses } = await upstreams(t, drop, drop, reply);
    const { address, count, event } = await startRoute(t, addresses, {
      correlate,
      retry: { timeoutMs: TIMEOUT_MS, deadlineMs: 2_000 },
    });
    await Promise.all(
      addresses.map((one) => event((e) => e.kind === 'endpoint' && e.endpoint === one && e.to === 'up')),
    );
    const wasRetried = () => count('retry', 'timeout') > 0;
    // By chance, five may all go to the endpoint that answers, but not fifty.
    for (let i = 0; i < 5 || (i < 50 && !wasRetried()); i++) {
      const { text, failure } = await ask(address, `q${i}`);
      // Where even the third one was too slow, it was asked at least.
      const isEverywhere = () => all.every(({ seen }) => seen.includes(`q${i}`));
      if (failure !== undefined) await until('each endpoint was asked', isEverywhere);
      else assert.equal(text, `q${i}`);
    }
    assert.ok(wasRetried());
    for (const body of new Set(all.flatMap(({ seen }) => seen))) {
      for (const { seen } of all)
        assert.ok(seen.filter((one) => one === body).length <= 1, `${body} was repeated`);
    }
  });

  test(`a server that is always late still answers every request, but none without salvage (${mode})`, async (t) => {
    const { addresses } = await upstreams(t, delay(150));
    const retry = { timeoutMs: 100, attempts: 20, deadlineMs: DEADLINE_MS };
    const salvaging = await startRoute(t, addresses, { correlate, retry });
    const throwing = await startRoute(t, addresses, {
      correlate,
      retry: { timeoutMs: 100, deadlineMs: 375, salvage: false },
    });
    // Where this process stood still a reply and its timeout may be due at the same moment, and the reply is in time.
    await until('four replies were late', async () => {
      assert.equal((await ask(salvaging.address, 'salvage this')).text, 'salvage this');
      return salvaging.count('lateReply', 'salvaged') >= 4;
    });
    let failures = 0;
    await until('four requests were given up', async () => {
      const { failure } = await ask(throwing.address, 'throw this away');
      assert.equal(throwing.count('lateReply', 'salvaged'), 0);
      if (failure === undefined) return false;
      assert.equal(failure.code, 'TIMEOUT');
      return ++failures >= 4;
    });
  });

  test(`a late reply never answers another request (${mode})`, async (t) => {
    const script: Script = (body) => (body.startsWith('late') ? delay(180) : reply);
    const { addresses } = await upstreams(t, script);
    const { address } = await startRoute(t, addresses, {
      correlate,
      retry: { timeoutMs: 100, attempts: 1, deadlineMs: 150 },
    });
    const app = new App(address);
    t.after(() => app.close());
    const got = { failures: 0, replies: 0 };
    await until('ten were given up, and ten others answered', async () => {
      for (const body of [`late ${got.failures}`, `quick ${got.replies}`]) {
        const { text, failure } = await app.ask(body);
        // Which of the two it is may depend on the machine, but not whose reply it is.
        if (failure) got.failures++;
        else got.replies++;
        assert.ok(failure !== undefined || text === body, `${body}: ${text}`);
      }
      return got.failures >= 10 && got.replies >= 10;
    });
  });

  test(`an invalid reply fails the attempt as protocol, and the endpoint recovers (${mode})`, async (t) => {
    const bad = [
      garbage('no delimiter'),
      garbage(''),
      garbage('what', 'is', 'this'),
      garbage('\0\0\0\0\0\xff', '', 'an id that was never given out'),
    ] as const;
    const script: Script = (_body, number) => (number % 2 === 0 ? (bad[number / 2] ?? reply) : reply);
    const { addresses } = await upstreams(t, script);
    const { address, count } = await startRoute(t, addresses, { correlate, limits: { messageBytes: 1_000 } });
    for (let i = 0; i < bad.length; i++) assert.equal((await ask(address, `q${i}`)).text, `q${i}`);
    assert.equal(count('attempt', 'protocol'), bad.length);
    assert.equal(count('reset', 'protocol'), bad.length);
    assert.equal(count('retry', 'protocol'), bad.length);
  });

  test(`a reply over the limit is executed once, fails with its own code, and its endpoint stays in use (${mode})`, async (t) => {
    const large: Step = { do: 'reply', frames: [Buffer.alloc(600), Buffer.alloc(401)] };
    const script: Script = (body) => (body === 'large' ? large : reply);
    const { addresses, all } = await upstreams(t, script);
    const { address, route, count } = await startRoute(t, addresses, {
      correlate,
      limits: { messageBytes: 1_000 },
      retry: { attempts: 5 },
    });
    const app = new App(address);
    t.after(() => app.close());
    // More in a row than eject an endpoint that fails.
    for (let i = 0; i < 6; i++) {
      const { failure } = await app.ask('large');
      assert.deepEqual(
        [failure?.status, failure?.code, failure?.attempts, failure?.executed],
        [502, 'REPLY_TOO_LARGE', 1, 'maybe'],
      );
      assert.equal(failure?.message, 'the reply has 1001 bytes; at most 1000 are allowed');
    }
    assert.equal((await app.ask('small')).text, 'small');
    assert.deepEqual([count('retry'), count('reset'), count('settled', 'reply_too_large')], [0, 0, 6]);
    assert.equal(route.status().endpoints[0]?.state, 'up');
    assert.equal(all.flatMap(({ seen }) => seen).length, 7);
  });

  test(`a reply far over the limit costs that attempt and nothing else (${mode})`, async (t) => {
    const { addresses } = await upstreams(t, [{ do: 'reply', frames: [Buffer.alloc(2 * 1024 ** 2)] }, reply]);
    const { address, count } = await startRoute(t, addresses, { correlate, limits: { messageBytes: 1_000 } });
    const first = await ask(address, 'first');
    // libzmq drops the connection to protect memory, so the attempt is lost and made again.
    if (TRANSPORT === 'libzmq') assert.equal(first.text, 'first');
    else assert.equal(first.failure?.code, 'REPLY_TOO_LARGE');
    assert.equal((await ask(address, 'second')).text, 'second');
    assert.equal(count('reset'), TRANSPORT === 'libzmq' ? 1 : 0);
  });

  test(`no more attempts are in flight at an endpoint than allowed (${mode})`, async (t) => {
    let inFlight = 0;
    let most = 0;
    const script: Script = () => {
      most = Math.max(most, ++inFlight);
      setTimeout(() => inFlight--, 15);
      return delay(20);
    };
    const { addresses } = await upstreams(t, script);
    const { address } = await startRoute(t, addresses, { correlate, limits: { inFlightPerEndpoint: 3 } });
    const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => ask(address, `q${i}`)));
    assert.deepEqual(
      answers.map(({ text }) => text),
      answers.map((_, i) => `q${i}`),
    );
    assert.equal(most, 3);
  });
}

test('an endpoint counts the attempts that it answered in time, and those that it did not', async (t) => {
  const again = Promise.withResolvers<void>();
  let late = 0;
  const { addresses } = await upstreams(t, (body) => {
    if (body !== 'late') return reply;
    if (++late === 1) return { do: 'hold', until: again.promise };
    again.resolve();
    return drop;
  });
  const { address, route, count } = await startRoute(t, addresses, {
    correlate: true,
    retry: { timeoutMs: TIMEOUT_MS, attempts: 100, deadlineMs: DEADLINE_MS },
  });
  assert.equal((await ask(address, 'quick')).text, 'quick');
  const before = count('attempt', 'ok');
  assert.equal((await ask(address, 'late')).text, 'late');
  const [endpoint] = route.status().endpoints;
  assert.equal(endpoint?.answered, before, 'a late reply is none in time');
  assert.ok(count('lateReply', 'salvaged') > 0);
  assert.equal(endpoint?.unanswered, count('attempt', 'timeout'));
  assert.ok((endpoint?.failuresInARow ?? 0) > 0);
});

test('with correlation many requests share one connection', async (t) => {
  const { addresses } = await upstreams(t, delay(20));
  const { address, route } = await startRoute(t, addresses, { correlate: true });
  await Promise.all(Array.from({ length: 40 }, (_, i) => ask(address, `q${i}`)));
  assert.equal(route.status().endpoints[0]?.lanes, 1);
});

test('it works over ipc, on both sides', async (t) => {
  const folder = scratch();
  const upstream = await ScriptedUpstream.start(reply, `ipc://${folder}/up.sock`);
  t.after(() => upstream.close());
  const { address } = await startRoute(t, [upstream.address], { listen: `ipc://${folder}/app.sock` });
  assert.equal(address, `ipc://${folder}/app.sock`);
  assert.equal((await ask(address, 'hello')).text, 'hello');
});

test('the socket of an ipc listener has the mode that is set, and another one after a reload', async (t) => {
  const folder = scratch();
  const upstream = await ScriptedUpstream.start();
  t.after(() => upstream.close());
  const path = join(folder, 'app.sock');
  const modeNow = () => statSync(path).mode & 0o777;
  const { address, apply } = await startRoute(t, [upstream.address], {
    listen: `ipc://${path}`,
    mode: 0o660,
  });
  assert.equal(modeNow(), 0o660);
  assert.equal((await ask(address, 'hello')).text, 'hello');
  apply({ listen: address, mode: 0o600 });
  assert.equal(modeNow(), 0o600);
});

test('without a mode, the umask decides about the socket of an ipc listener', async (t) => {
  const path = join(scratch(), 'app.sock');
  await startRoute(t, ['tcp://127.0.0.1:1'], { listen: `ipc://${path}` });
  assert.equal(statSync(path).mode & 0o777, 0o777 & ~UMASK);
});

test('it works over IPv6, on both sides', async (t) => {
  const upstream = await ScriptedUpstream.start(reply, 'tcp://127.0.0.1:*');
  t.after(() => upstream.close());
  const inner = await startRoute(t, [upstream.address], { listen: 'tcp://[::1]:0' });
  const outer = await startRoute(t, [inner.address]);
  assert.match(inner.address, /^tcp:\/\/\[::1\]:\d+$/);
  assert.equal((await ask(outer.address, 'hello')).text, 'hello');
});

test('when every attempt fails the app gets one failure reply, and does not wait for the deadline', async (t) => {
  const { all, addresses } = await upstreams(t, drop);
  const { address, count } = await startRoute(t, addresses, {
    name: 'orders',
    retry: { timeoutMs: 100, deadlineMs: DEADLINE_MS },
  });
  const { frames, failure, ms } = await soon('the failure reply', ask(address, 'hello'));
  assert.equal(frames.length, 1);
  assert.ok(ms >= 299, `it took ${ms} ms`);
  assert.ok(failure !== undefined);
  const { requestId, waitedMs, tried, ...rest } = failure;
  assert.deepEqual(
    { ...rest, elapsedMs: 0, message: '' },
    {
      status: 504,
      code: 'TIMEOUT',
      message: '',
      route: 'orders',
      attempts: 3,
      executed: 'maybe',
      elapsedMs: 0,
    },
  );
  assert.match(requestId, /^orders\.[0-9a-z]{6}\.1$/);
  assert.ok(waitedMs >= 0 && waitedMs <= ms - 299, `it waited ${waitedMs} ms`);
  assert.deepEqual(
    tried.map(({ endpoint, result }) => [endpoint, result]),
    addresses.flatMap((endpoint) => Array(3).fill([endpoint, 'timeout'])),
  );
  for (const one of tried) assert.ok(one.ms >= 99, `an attempt took ${one.ms} ms`);
  await until('all are at the upstream', () => all[0]?.seen.length === 3);
  assert.equal(count('attempt', 'timeout'), 3);
  assert.equal(count('retry', 'timeout'), 2);
  assert.equal(count('retryDenied', 'policy'), 1);
});

test('a deadline ends a request that has attempts left', async (t) => {
  const { addresses } = await upstreams(t, drop);
  const retry = { timeoutMs: 200, attempts: 100, deadlineMs: 500 };
  const { address } = await startRoute(t, addresses, { retry });
  const { failure, ms } = await ask(address, 'hello');
  assert.equal(failure?.code, 'TIMEOUT');
  assert.ok(ms >= 499, `it took ${ms} ms`);
  assert.ok(failure.attempts <= 3, `${failure.attempts} attempts of 200 ms`);
});

test('retryOn unsent means at most once', async (t) => {
  const { all, addresses } = await upstreams(t, drop, die);
  const { address } = await startRoute(t, addresses, {
    retry: { timeoutMs: 50, retryOn: ['unsent'], deadlineMs: DEADLINE_MS },
  });
  const codes = [];
  for (let i = 0; i < 6; i++) {
    codes.push((await ask(address, `q${i}`)).failure?.code);
    await all[1]?.listen();
  }
  const seen = all.flatMap((upstream) => upstream.seen);
  assert.equal(new Set(seen).size, seen.length);
  assert.ok(
    codes.every((code) => code === 'LOST' || code === 'TIMEOUT'),
    String(codes),
  );
});

test('with no endpoint up the app gets a failure at once if wait is 0, otherwise after wait', async (t) => {
  const [free] = (await upstreams(t, reply)).all;
  free?.close();
  const startWaiting = (waitMs: number) =>
    startRoute(t, [free?.address ?? ''], { retry: { waitMs, deadlineMs: DEADLINE_MS } });
  const [impatient, patient] = [await startWaiting(0), await startWaiting(200)];
  const now = await soon('the failure without waiting', ask(impatient.address, 'now'));
  const later = await soon('the failure after waiting', ask(patient.address, 'later'));
  for (const { failure } of [now, later]) {
    assert.equal(failure?.code, 'NO_ENDPOINTS');
    assert.equal(failure?.executed, 'no');
    assert.equal(failure?.attempts, 0);
    assert.ok(
      failure?.message.startsWith(`no endpoint could be reached: ${free?.address}: `),
      failure?.message,
    );
  }
  assert.ok(later.ms >= 199, `it took ${later.ms} ms`);
});

test('a request that comes while the only server restarts is answered when it is back', async (t) => {
  const { all, addresses } = await upstreams(t, reply);
  const { address, count, event } = await startRoute(t, addresses);
  assert.equal((await ask(address, 'before')).text, 'before');
  all[0]?.close();
  await event((e) => e.kind === 'endpoint' && e.to === 'down');
  const meanwhile = ask(address, 'meanwhile');
  await event((e) => e.kind === 'received' && e.bytes === 'meanwhile'.length);
  await all[0]?.listen();
  assert.equal((await meanwhile).text, 'meanwhile');
  assert.equal(count('settled', 'ok'), 2);
});

test('a request that waits through a restart takes one place, and leaves it', async (t) => {
  const { all, addresses } = await upstreams(t, (body) => (body.startsWith('held') ? drop : reply));
  const { address, event, count, route } = await startRoute(t, addresses, {
    correlate: true,
    limits: { inFlightPerEndpoint: 2 },
    retry: { retryOn: [] },
  });
  const held = [ask(address, 'held 1'), ask(address, 'held 2')];
  await event(() => count('received') === 2);
  const waiting = ask(address, 'waiting');
  await event(() => count('received') === 3);
  all[0]?.close();
  await event((e) => e.kind === 'endpoint' && e.to === 'down');
  await all[0]?.listen();
  for (const { failure } of await Promise.all(held)) assert.equal(failure?.code, 'LOST');
  assert.equal((await waiting).text, 'waiting');
  assert.equal(route.status().endpoints[0]?.inFlight, 0);
});

test('a reply sent just before its server closes is not lost', async (t) => {
  const { all, addresses } = await upstreams(t, reply);
  const { address, count } = await startRoute(t, addresses);
  const [upstream] = all;
  assert.ok(upstream);
  upstream.script = () => {
    setImmediate(() => upstream.close());
    return reply;
  };
  for (let i = 0; i < 50; i++) {
    assert.equal((await ask(address, `q${i}`)).text, `q${i}`);
    await upstream.listen();
  }
  assert.equal(count('settled', 'ok'), 50);
});

test('without budget a request is not sent again, but a late reply is still taken', async (t) => {
  const { all, addresses } = await upstreams(t, delay(120));
  const { address, count } = await startRoute(t, addresses, {
    budget: { ratio: 0, minPerSecond: 0 },
    retry: { timeoutMs: 60, deadlineMs: DEADLINE_MS },
  });
  assert.equal((await ask(address, 'hello')).text, 'hello');
  assert.equal(all[0]?.seen.length, 1);
  assert.equal(count('retryDenied', 'budget'), 1);
});

test('a waiting client does not block others', async (t) => {
  const { addresses } = await upstreams(t, (body) => (body === 'never' ? drop : reply));
  const { address, count } = await startRoute(t, addresses);
  const hanging = new App(address);
  t.after(() => hanging.close());
  const never = hanging.ask('never').catch(() => undefined);
  for (let i = 0; i < 20; i++) assert.equal((await ask(address, `q${i}`)).text, `q${i}`);
  assert.equal(count('settled'), 20);
  hanging.close();
  await never;
});

test('a DEALER that pipelines gets its replies in order, including refusals', async (t) => {
  const all = Promise.withResolvers<void>();
  const { addresses } = await upstreams(t, (body) =>
    body === '0' ? { do: 'hold', until: all.promise } : reply,
  );
  const { address, count, event } = await startRoute(t, addresses, { limits: { queue: 5 } });
  await event((e) => e.kind === 'endpoint' && e.to === 'up');
  const dealer = new Dealer({ linger: 0 });
  t.after(() => dealer.close());
  dealer.connect(address);
  for (let i = 0; i < 10; i++) await dealer.send(['', String(i)]);
  await until('all have come', () => count('received') === 10);
  all.resolve();
  const got: string[] = [];
  for (let i = 0; i < 10; i++) got.push(String((await dealer.receive())[1]));
  assert.deepEqual(got.slice(0, 5), ['0', '1', '2', '3', '4']);
  assert.ok(
    got.slice(6).every((one) => one.includes('"OVERLOADED"')),
    got.join('\n'),
  );
});

test('a full queue refuses at once, by count and by bytes', async (t) => {
  const { addresses } = await upstreams(t, drop);
  const byCount = await startRoute(t, addresses, { limits: { inFlight: 1, queue: 2 } });
  const byBytes = await startRoute(t, addresses, { limits: { inFlight: 1, queueBytes: 2_000 } });
  for (const { address, event, route, count } of [byCount, byBytes]) {
    const body = Buffer.alloc(900);
    const apps = Array.from({ length: 4 }, () => new App(address));
    t.after(() => {
      for (const app of apps) app.close();
    });
    const first = apps[0]?.ask(body);
    await event((e) => e.kind === 'received');
    const others = apps.slice(1).map((app) => app.ask(body));
    const { failure } = await Promise.race(others);
    assert.equal(failure?.code, 'OVERLOADED');
    assert.equal(failure?.executed, 'no');
    assert.equal(count('settled', 'overloaded'), 1);
    assert.ok(route.status().queuedBytes <= 2_000);
    for (const pending of [first, ...others]) pending?.catch(() => undefined);
  }
});

test('an endpoint where nobody has ever answered is reported once', async (t) => {
  const address = await closedPort();
  const { count, event } = await startRoute(t, [address]);
  const told = await event((e) => e.kind === 'endpoint' && e.to === 'connecting' && e.from !== 'new');
  assert.match(told.kind === 'endpoint' ? told.why : '', /^nobody (answers|listens) there/);
  const server = await ScriptedUpstream.start(reply, address);
  t.after(() => server.close());
  await event((e) => e.kind === 'endpoint' && e.to === 'up');
  assert.equal(count('endpoint', 'connecting'), 2, 'when it was new, and that');
});

/** The address of a port where certainly nobody listens any more: libzmq goes on for a while after `close`. */
async function closedPort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return `tcp://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}

test('no request is given up for a slow endpoint while a quick one is about to have room', async (t) => {
  const { all, addresses } = await upstreams(t, delay(2), delay(1_000));
  const deadlineMs = 1_200;
  const { address, route, watch, count } = await startRoute(t, addresses, {
    retry: { timeoutMs: deadlineMs, deadlineMs, attempts: 1 },
  });
  const quickMs = () => route.status().endpoints.find((one) => one.address === addresses[0])?.latencyMs ?? 0;
  // What a quick one is that a slow machine makes slow need not be known.
  let mistakes = 0;
  watch((event) => {
    if (event.kind === 'settled' && event.outcome === 'overloaded' && quickMs() < deadlineMs / 10) mistakes++;
  });
  // Twice as many as it takes to know how slow it is.
  const isKnown = () => (all[1]?.seen.length ?? 0) >= 20;
  const run = async () => {
    const app = new App(address);
    while (!isKnown() && count('settled', 'overloaded') === 0) await app.ask('x');
    app.close();
  };
  await Promise.all(Array.from({ length: 24 }, run));
  assert.equal(mistakes, 0);
});

test('envelopes and extra frames count against the queue too', async (t) => {
  const { all, addresses } = await upstreams(t, drop);
  const { address, route, count } = await startRoute(t, addresses, {
    limits: { inFlight: 1, queueBytes: 20_000 },
    retry: { timeoutMs: 60_000, deadlineMs: 60_000 },
  });
  const app = new App(address);
  t.after(() => app.close());
  app.ask('in flight').catch(() => undefined);
  await until('it is in flight', () => all[0]?.seen.length === 1);
  const send = async (...frames: (string | Buffer)[]) => {
    const before = count('received');
    const dealer = new Dealer({ linger: 0 });
    t.after(() => dealer.close());
    dealer.connect(address);
    await dealer.send(frames);
    await until('it has arrived', () => count('received') > before);
    return dealer;
  };
  await send(Buffer.alloc(5_000, 'x'), '', 'under a large envelope');
  const { queuedBytes } = route.status();
  assert.ok(queuedBytes > 5_000, `${queuedBytes}`);
  await send('', ...Array<string>(20).fill(''));
  assert.ok(route.status().queuedBytes > queuedBytes + 100, `${route.status().queuedBytes}`);
  const refused = await send(Buffer.alloc(20_000, 'x'), '', 'under one that is too large');
  assert.match(String((await refused.receive()).at(-1)), /"code":"OVERLOADED"/);
});

test('a request over the limit gets TOO_LARGE, one of exactly the limit passes', async (t) => {
  const { all, addresses } = await upstreams(t, reply);
  const { address } = await startRoute(t, addresses, { limits: { messageBytes: 1_000 } });
  assert.equal((await ask(address, Buffer.alloc(600), Buffer.alloc(400))).failure, undefined);
  const { failure } = await ask(address, Buffer.alloc(600), Buffer.alloc(401));
  assert.equal(failure?.status, 413);
  assert.equal(failure?.code, 'TOO_LARGE');
  assert.equal(all[0]?.seen.length, 1);
});

test('failure replies have the configured format', async (t) => {
  const [gone] = (await upstreams(t, reply)).all;
  gone?.close();
  const endpoints = [gone?.address ?? ''];
  const retry = { waitMs: 0 };
  const multipart = await startRoute(t, endpoints, { retry, failureReply: { format: 'multipart' } });
  const body = Buffer.from('ERR 503');
  const fixed = await startRoute(t, endpoints, { retry, failureReply: { format: 'static', body } });
  const silent = await startRoute(t, endpoints, { retry, failureReply: { format: 'silent' } });

  const { frames } = await ask(multipart.address, 'a');
  assert.deepEqual(frames.slice(0, 2).map(String), ['LAZYPIRATE', '503']);
  assert.match(String(frames[2]), /"code":"NO_ENDPOINTS"/);
  assert.deepEqual((await ask(fixed.address, 'b')).frames, [body]);

  const app = new App(silent.address);
  const answer = app.ask('c').then(
    () => 'answered',
    () => 'silence',
  );
  await silent.event((e) => e.kind === 'settled' && e.outcome === 'no_endpoints');
  app.close();
  assert.equal(await answer, 'silence');
});

test('an app that leaves before its reply is counted, and nothing is left behind', async (t) => {
  const { addresses } = await upstreams(t, delay(50));
  const { address, event, route, count } = await startRoute(t, addresses);
  // On a slow machine the reply may come before the app is gone.
  await until('one was gone', async () => {
    const app = new App(address);
    const before = count('settled');
    const answer = app.ask('hello').catch(() => undefined);
    await until('it has come', () => count('received') > before);
    app.close();
    await answer;
    await until('it has its outcome', () => count('settled') > before);
    return count('settled', 'client_gone') > 0;
  });
  const settled = await event((e) => e.kind === 'settled' && e.outcome === 'client_gone');
  assert.equal(settled.kind === 'settled' && settled.request.replyBytes, 0, 'it was given none');
  const { queued, inFlight } = route.status();
  assert.deepEqual([queued, inFlight], [0, 0]);
});

test('one lane carries as many attempts as the limit allows, even if the other side stops reading', async (t) => {
  const count = 1_500;
  const upstream = new Router({ context, linger: 0, receiveHighWaterMark: 1, sendHighWaterMark: 0 });
  t.after(() => upstream.close());
  await upstream.bind('tcp://127.0.0.1:*');
  const most = 2 * count;
  const {
    address,
    route,
    count: counted,
  } = await startRoute(t, [upstream.lastEndpoint ?? ''], {
    correlate: true,
    limits: { inFlight: most, inFlightPerEndpoint: most, inFlightPerClient: most, queue: most },
    // None may time out, however slow the machine is.
    retry: { timeoutMs: 60_000 },
  });
  const app = new Dealer({ linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0 });
  t.after(() => app.close());
  app.connect(address);
  const body = Buffer.alloc(16 * 1024);
  for (let i = 0; i < count; i++) await app.send(['', body]);
  await until('all are in flight', () => route.status().inFlight === count);
  for (let i = 0; i < count; i++) await upstream.send(await upstream.receive());
  for (let i = 0; i < count; i++) assert.equal((await app.receive()).at(-1)?.length, body.length);
  assert.deepEqual([counted('settled', 'ok'), counted('reset')], [count, 0]);
});

test('an oversize reply does not affect the other attempts on its lane', async (t) => {
  const held = Promise.withResolvers<void>();
  const upstream = await ScriptedUpstream.start((body) => {
    if (body === 'held') return { do: 'hold', until: held.promise };
    return body === 'large' ? { do: 'reply', frames: [Buffer.alloc(3_000)] } : reply;
  });
  t.after(() => upstream.close());
  const { address, event, count } = await startRoute(t, [upstream.address], {
    correlate: true,
    limits: { messageBytes: 2_000 },
    retry: { timeoutMs: 60_000 },
  });
  const beside = ask(address, 'held');
  await event((e) => e.kind === 'received' && e.bytes === 'held'.length);
  assert.equal((await ask(address, 'large')).failure?.code, 'REPLY_TOO_LARGE');
  assert.equal((await ask(address, 'hello')).text, 'hello');
  held.resolve();
  assert.equal((await beside).text, 'held');
  assert.deepEqual([count('reset'), count('retry')], [0, 0]);
});
