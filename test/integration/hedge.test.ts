import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ask } from '../support/ask.ts';
import { type RouteOptions, startRoute } from '../support/route.ts';
import { die, drop, reply, type Script, ScriptedUpstream, type Step } from '../support/scripted-upstream.ts';
import { soon } from '../support/until.ts';

const HEDGE_MS = 50;
/** So long that a reply never waits for it, and one that does never comes. */
const TIMEOUT_MS = 3_600_000;

/** A route to several upstreams, all connected, of which the request's first attempt meets the first script, and so on. */
async function startHedged(t: TestContext, steps: readonly Step[], options: RouteOptions = {}) {
  let attempts = 0;
  const script: Script = () => steps[attempts++] ?? reply;
  const upstreams = await Promise.all(steps.map(() => ScriptedUpstream.start(script)));
  t.after(() => {
    for (const upstream of upstreams) upstream.close();
  });
  const retry = { timeoutMs: TIMEOUT_MS, hedgeMs: HEDGE_MS, ...options.retry };
  const running = await startRoute(
    t,
    upstreams.map(({ address }) => address),
    { ...options, retry },
  );
  for (const { address } of upstreams)
    await running.event((e) => e.kind === 'endpoint' && e.endpoint === address && e.to === 'up');
  return { ...running, sends: () => upstreams.map(({ seen }) => seen.length).toSorted() };
}

for (const correlate of [false, true]) {
  test(`a slow reply is overtaken by one from another endpoint, correlate: ${correlate}`, async (t) => {
    const { address, count, sends, event } = await startHedged(t, [drop, reply], { correlate });
    const { text, ms } = await soon('the other one', ask(address, 'hello'));
    assert.equal(text, 'hello');
    assert.ok(ms >= HEDGE_MS - 1, `it took ${ms} ms`);
    assert.deepEqual(sends(), [1, 1]);
    await event((e) => e.kind === 'settled');
    assert.deepEqual(
      [
        count('retry', 'hedge'),
        count('attempt', 'ok'),
        count('attempt', 'cancelled'),
        count('attempt', 'timeout'),
      ],
      [1, 1, 1, 0],
    );
  });
}

test('the first attempt may still win, and each endpoint is hedged to once', async (t) => {
  const late = Promise.withResolvers<void>();
  const { address, sends, event, count } = await startHedged(
    t,
    [{ do: 'hold', until: late.promise }, drop, drop],
    {
      retry: { attempts: 5 },
    },
  );
  const asked = ask(address, 'hello');
  await event(() => count('retry', 'hedge') === 2);
  late.resolve();
  assert.equal((await asked).text, 'hello');
  assert.deepEqual(sends(), [1, 1, 1]);
});

test('a hedge counts against attempts and budget, and is not sent if there is no other endpoint', async (t) => {
  const timeoutMs = 300;
  const few = await startHedged(t, [drop, drop, drop], { retry: { attempts: 2, timeoutMs } });
  assert.equal((await ask(few.address, 'hello')).failure?.attempts, 2);
  assert.equal(few.count('attempt', 'timeout'), 2);

  const poor = await startHedged(t, [drop, drop], {
    budget: { ratio: 0, minPerSecond: 0 },
    retry: { timeoutMs },
  });
  assert.equal((await ask(poor.address, 'hello')).failure?.attempts, 1);
  assert.equal(poor.count('retryDenied', 'budget'), 1, 'the failed attempt, and not each look for a hedge');

  const alone = await startHedged(t, [drop], { retry: { attempts: 20, timeoutMs } });
  assert.equal((await ask(alone.address, 'hello')).text, 'hello');
  assert.equal(alone.count('retry', 'hedge'), 0);
  assert.ok(alone.count('retry', 'timeout') > 0);
});

test('a lost hedge does not end the previous attempt', async (t) => {
  const late = Promise.withResolvers<void>();
  const { address, event } = await startHedged(t, [{ do: 'hold', until: late.promise }, die], {
    retry: { attempts: 2 },
  });
  const asked = ask(address, 'hello');
  await event((e) => e.kind === 'attempt' && e.result === 'lost');
  late.resolve();
  assert.equal((await asked).text, 'hello');
});
