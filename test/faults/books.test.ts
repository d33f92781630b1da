import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Exposition } from '../support/exposition.ts';
import { delay, reply, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { monotonicMs } from '../support/stall-recorder.ts';
import { stalledMs } from '../support/stalls.ts';
import { until } from '../support/until.ts';
import { Books, type Closing } from './books.ts';
import type { Trial } from './fault.ts';

/* The books of a trial can fail: they find out a sidecar that breaks a promise, or whose metrics are wrong. */

const ASKED = 20;
/** Far later than is promised. */
const LATE_MS = 3_000;

interface Figures {
  received: number;
  ok: number;
  failed: number;
  attempts: number;
  bytes: number;
}

/** A server that apps take for a sidecar, its books, and what it says about itself. */
async function start(t: TestContext, deadlineMs = 100) {
  const server = await ScriptedUpstream.start();
  t.after(() => server.close());
  const log = { stdout: [] as string[], stderr: [] as string[] };
  const impostor = { server, log, lie: (truth: Figures): Partial<Figures> => truth };
  const metrics = async () => {
    const count = server.seen.length;
    const bytes = server.seen.join('').length;
    const truth = { received: count, ok: count, failed: 0, attempts: count, bytes };
    return expositionOf({ ...truth, ...impostor.lie(truth) });
  };
  const policy = { retry: { attempts: 3, deadlineMs }, budget: { ratio: 0.2, minPerSecond: 10 } };
  const program = {
    pid: process.pid,
    child: { exitCode: null, signalCode: null },
    ended: new Promise(() => undefined),
    kill: () => true,
    ...log,
  };
  const trial = {
    address: server.address,
    program,
    metrics,
    total: async (metric: string, labels?: RegExp) => (await metrics()).total(metric, labels),
    status: async () => ({ uptimeMs: 0, routes: [{ policy, endpoints: [] }] }),
  } as unknown as Trial;
  return { ...impostor, impostor, books: await Books.open(t, trial) };
}

function expositionOf({ received, ok, failed, attempts, bytes }: Figures): Exposition {
  return new Exposition(
    [
      `lazypirate_requests_received_total ${received}`,
      `lazypirate_requests_total{outcome="ok"} ${ok}`,
      `lazypirate_requests_total{outcome="timeout"} ${failed}`,
      `lazypirate_attempts_total ${attempts}`,
      `lazypirate_request_bytes_total ${bytes}`,
    ].join('\n'),
  );
}

async function ask(books: Books): Promise<void> {
  for (let count = 1; count < ASKED; count++) await books.ask();
}

test('who says the truth passes', async (t) => {
  const { books, server } = await start(t);
  await ask(books);
  await books.recovered();
  assert.match(await books.balance({ executed: server.seen }), /^21 requests, 21 replied, 0 failed/);
});

const LIES: Record<string, [lie: (truth: Figures) => Partial<Figures>, found: RegExp]> = {
  'that forgets a request': [({ ok }) => ({ ok: ok - 1 }), /2: received, and neither settled nor in flight/],
  'that has not seen a request': [
    ({ received, ok }) => ({ received: received - 1, ok: ok - 1 }),
    /it knows of 19 requests, and 20 are answered/,
  ],
  'that counts a request twice': [
    ({ received, ok }) => ({ received: received + 1, ok: ok + 1 }),
    /it knows of 21 requests, and 20 were asked/,
  ],
  'that takes a reply for a failure': [({ ok }) => ({ ok: ok - 1, failed: 1 }), /2: 19 replies counted/],
  'that counts a byte too many': [({ bytes }) => ({ bytes: bytes + 1 }), /2: bytes/],
  'that sends each request four times': [
    ({ attempts }) => ({ attempts: 4 * attempts }),
    /3: 80 attempts for 20/,
  ],
  'that sends more often than its budget allows': [
    () => ({ attempts: 1.2 * ASKED + 11 }),
    /3: 35 attempts, and the budget allows 34/,
  ],
};
for (const [what, [lie, found]] of Object.entries(LIES)) {
  test(`a sidecar ${what} is found out`, async (t) => {
    const { books, impostor } = await start(t);
    await ask(books);
    impostor.lie = lie;
    await assert.rejects(books.balance(), found);
  });
}

const EXECUTIONS: Record<string, [closing: (seen: string[]) => Closing, found: RegExp]> = {
  'than attempts': [
    (seen) => ({ executed: async () => seen.length + 1 }),
    /3: 21 executions, and 20 attempts/,
  ],
  'of one body than attempts for a request': [
    (seen) => ({ executed: [...seen.slice(3), ...Array(3).fill(seen.at(-1))] }),
    /3: ".*" was executed 4 times/,
  ],
};
for (const [what, [closing, found]] of Object.entries(EXECUTIONS)) {
  test(`more executions ${what} are found out`, async (t) => {
    const { books, server } = await start(t);
    await ask(books);
    await assert.rejects(books.balance(closing(server.seen)), found);
  });
}

test('fewer executions than replies are found out', async (t) => {
  const { books } = await start(t);
  await assert.rejects(books.balance({ executed: 0 }), /0 executions, and 1 replies/);
});

test('the reply to another request is found out', async (t) => {
  const { books, server } = await start(t);
  server.script = () => ({ do: 'reply', frames: ['somebody else'] });
  await books.ask();
  await assert.rejects(books.balance(), /1: no cross-talk/);
});

for (const stream of ['stdout', 'stderr'] as const) {
  test(`an internal error on ${stream} is found out`, async (t) => {
    const { books, log } = await start(t);
    log[stream].push('an internal error');
    await assert.rejects(books.balance(), /an internal error/);
  });
}

/** Does this again until it is found out. It may only not be where this process was stalled for much of the time. */
async function untilFound(run: () => Promise<unknown>, found: RegExp): Promise<void> {
  await until('it is found out', async () => {
    const sinceMs = monotonicMs();
    const error = await run().then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    const stalled = stalledMs(sinceMs, monotonicMs(), []);
    assert.ok(error !== undefined || stalled > LATE_MS / 2, `not found out, and stalled for ${stalled} ms`);
    if (error !== undefined) assert.match(error.message, found);
    return error !== undefined;
  });
}

test('an outcome after the deadline is found out', async (t) => {
  const { books, server } = await start(t);
  server.script = () => delay(LATE_MS);
  await untilFound(async () => {
    await books.ask();
    await books.balance();
  }, /^4: an outcome after \d/);
});

test('an app that is not served again within a second is found out', async (t) => {
  const { books, server } = await start(t);
  server.script = () => delay(LATE_MS);
  await untilFound(() => books.recovered(), /^8: only \d+\.?\d* ms after the fault/);
});

test('what is late because a process was stalled is allowed', async (t) => {
  const { books, server } = await start(t, 2_000);
  const release = Promise.withResolvers<void>();
  server.script = () => ({ do: 'hold', until: release.promise });
  const recovering = books.recovered();
  await until('it has come', () => server.seen.length > 1);
  release.resolve();
  server.script = () => reply;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LATE_MS);
  assert.ok((await recovering) >= LATE_MS);
  assert.match(await books.balance(), /, 1 later than it by a stall/);
});
