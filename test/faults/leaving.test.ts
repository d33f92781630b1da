import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { drop, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';
import { Books } from './books.ts';
import { fault, isFull, routeOf, startTrial } from './fault.ts';

/* A sidecar is told to end while it has work. */

const KIB = 1024;

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
      return `${rounds} rounds: every reply came whole, each request was executed once, exit code 0; the last: ${figures}`;
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
    const trial = await startTrial(t, routeOf([upstream.address]));
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
    const tookMs = performance.now() - sinceMs;
    assert.ok(tookMs < 1_000, `${tookMs} ms`);
    const figures = books.balanceOfEnded(upstream.seen.slice(before), 1);
    times.push(`${code} after ${tookMs.toFixed(0)} ms (${signal}; ${figures})`);
  }
  return `with a request in flight it ends at once: ${times.join(', ')}`;
});
