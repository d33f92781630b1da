import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Dealer } from 'zeromq';
import { context } from '../../src/transport/zeromq/context.ts';
import { failureOf } from '../support/ask.ts';
import type { Program } from '../support/program.ts';
import { drop, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { monotonicMs } from '../support/stall-recorder.ts';
import { stalledMs } from '../support/stalls.ts';
import { until } from '../support/until.ts';
import { Books } from './books.ts';
import { checkLog, fault, isFull, routeOf, startTrial } from './fault.ts';

/* A sidecar is told to stop while it has work. */

const KIB = 1024;
/** How long the sidecar reads what waits in the kernel after its drain timeout. */
const LEAVE_MS = 1_000;
/** How often, and for how long, nothing must come from a sidecar that has ended until nothing more is expected. */
const NOTHING_TIMES = 20;
const NOTHING_MS = 100;

for (const correlate of [false, true]) {
  fault(
    `SIGTERM with 50 requests of 16 KiB and one of 16 MiB in flight, correlate: ${correlate}`,
    async (t) => {
      const bodies = [...Array.from({ length: 50 }, () => 16 * KIB), 16 * KIB * KIB].map((size) =>
        randomBytes(size),
      );
      const rounds = isFull ? 10 : 1;
      let figures = '';
      for (let round = 0; round < rounds; round++) {
        const release = Promise.withResolvers<void>();
        const upstream = await ScriptedUpstream.start({ do: 'hold', until: release.promise });
        t.after(() => upstream.close());
        const limits = { adaptive: false, inFlightPerEndpoint: 64 };
        const trial = await startTrial(t, routeOf([upstream.address], { correlate, limits }));
        const { program } = trial;
        const books = await Books.open(t, trial, 0);
        const asked = Promise.all(bodies.map((body) => books.app().ask(body)));
        await until('all are at the upstream', () => upstream.seen.length === bodies.length);
        await books.look();
        program.kill('SIGTERM');
        await program.logged('draining');
        release.resolve();
        await asked;
        assert.deepEqual(await program.ended, { code: 0, signal: null });
        const { answered, failed, cut } = await program.logged('drained');
        assert.deepEqual({ answered, failed, cut }, { answered: books.own, failed: books.failed, cut: 0 });
        assert.equal(books.own, bodies.length);
        assert.equal(upstream.seen.length, bodies.length, 'each was executed once');
        figures = books.balanceOfEnded(upstream.seen);
        upstream.close();
      }
      return `${rounds} rounds: every reply arrived complete, each request was executed once, exit code 0; the last: ${figures}`;
    },
  );
}

fault('SIGTERM and SIGINT twice', async (t) => {
  const upstream = await ScriptedUpstream.start(drop);
  t.after(() => upstream.close());
  const times: string[] = [];
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    const trial = await startTrial(t, routeOf([upstream.address]), { drain: { timeout: '10m' } });
    const { program } = trial;
    const books = await Books.open(t, trial, 0);
    const before = upstream.seen.length;
    books.ask('never answered').catch(() => undefined);
    await until('it is at the upstream', () => upstream.seen.length > before);
    await books.look();
    program.kill(signal);
    await program.logged('draining');
    const sinceMs = performance.now();
    program.kill(signal);
    assert.deepEqual(await program.ended, { code, signal: null });
    // Without the second signal it would wait for its request, up to the drain timeout.
    const tookMs = performance.now() - sinceMs;
    const figures = books.balanceOfEnded(upstream.seen.slice(before), 1);
    times.push(`${code} after ${tookMs.toFixed(0)} ms (${signal}; ${figures})`);
  }
  return `ends at once with a request in flight: ${times.join(', ')}`;
});

/** What the app gets until it has all, or until the sidecar has ended and nothing more comes, by code. */
async function outcomesOf(dealer: Dealer, { child }: Program, all: number): Promise<Record<string, number>> {
  const codes: Record<string, number> = {};
  for (let [count, silent] = [0, 0]; count < all && silent < NOTHING_TIMES; ) {
    // EAGAIN: nothing has come.
    const frames = await dealer.receive().catch(() => undefined);
    if (frames === undefined) {
      if (child.exitCode !== null) silent++;
      continue;
    }
    const { code = 'none' } = failureOf(frames.slice(1)) ?? {};
    codes[code] = (codes[code] ?? 0) + 1;
    count++;
  }
  return codes;
}

fault('SIGTERM while an app has sent far ahead', async (t) => {
  const upstream = await ScriptedUpstream.start(drop);
  t.after(() => upstream.close());
  const route = routeOf([upstream.address], { timeout: '30s', limits: { queue: 100 } });
  const { program, address, total } = await startTrial(t, route, {
    drain: { timeout: '500ms', quiet: '50ms' },
  });
  const requests = 1_000;
  const dealer = new Dealer({ context, linger: 0, receiveTimeout: NOTHING_MS });
  t.after(() => dealer.close());
  dealer.connect(address);
  for (let number = 0; number < requests; number++) await dealer.send(['', String(number)]);
  await until('some are read', async () => (await total('lazypirate_requests_received_total')) > 10);
  const sinceMs = monotonicMs();
  program.kill('SIGTERM');
  const codes = await outcomesOf(dealer, program, requests);
  assert.deepEqual(await program.ended, { code: 0, signal: null });
  const stalled = stalledMs(sinceMs, monotonicMs(), [program.pid]);
  checkLog(program);
  const { DRAINING: refused = 0, ...others } = codes;
  assert.deepEqual(others, {});
  const drained = await program.logged('drained').catch(() => undefined);
  if (refused < requests || drained === undefined) {
    // It leaves at most a second after the drain timeout, whether it had the CPU to do everything by then or not.
    assert.ok(
      stalled > LEAVE_MS / 2,
      `${refused} of ${requests} got their outcome, stalled for ${stalled} ms`,
    );
    return `${refused} of ${requests} got DRAINING; stalled for ${stalled.toFixed(0)} ms; exit code 0`;
  }
  const { failed, cut } = drained;
  assert.equal(failed, requests);
  assert.ok(Number(cut) > 10 && Number(cut) < 100, `${cut} had been read`);
  return `${refused} of ${requests} got DRAINING; exit code 0`;
});
