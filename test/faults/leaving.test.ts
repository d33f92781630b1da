import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { App } from '../support/ask.ts';
import { drop, ScriptedUpstream } from '../support/scripted-upstream.ts';
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
      const times: number[] = [];
      for (let round = 0; round < (isFull ? 10 : 1); round++) {
        const release = Promise.withResolvers<void>();
        const upstream = await ScriptedUpstream.start({ do: 'hold', until: release.promise });
        t.after(() => upstream.close());
        const limits = { adaptive: false, inFlightPerEndpoint: 64 };
        const { program, address } = await startTrial(t, routeOf([upstream.address], { correlate, limits }));
        const apps = bodies.map(() => new App(address));
        const asked = Promise.all(apps.map((app, index) => app.ask(bodies[index] ?? '')));
        while (upstream.seen.length < bodies.length) await setTimeout(1);
        program.kill('SIGTERM');
        await program.logged('draining');
        release.resolve();
        const answers = await asked;
        answers.forEach(({ frames }, index) => {
          assert.deepEqual([frames.length, frames[0]?.equals(bodies[index] ?? Buffer.of())], [1, true]);
        });
        assert.deepEqual(await program.ended, { code: 0, signal: null });
        const { answered, failed, cut } = await program.logged('drained');
        assert.deepEqual({ answered, failed, cut }, { answered: bodies.length, failed: 0, cut: 0 });
        assert.deepEqual(program.stderr, []);
        assert.equal(upstream.seen.length, bodies.length, 'each was executed once');
        times.push(Math.max(...answers.map(({ ms }) => ms)));
        for (const app of apps) app.close();
        upstream.close();
      }
      return `${times.length} rounds: every reply came whole, each request was executed once, exit code 0; slowest ${Math.max(...times).toFixed(0)} ms`;
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
    const { program, address } = await startTrial(t, routeOf([upstream.address]));
    const app = new App(address);
    t.after(() => app.close());
    const before = upstream.seen.length;
    app.ask('never answered').catch(() => undefined);
    while (upstream.seen.length === before) await setTimeout(1);
    program.kill(signal);
    await program.logged('draining');
    const sinceMs = performance.now();
    program.kill(signal);
    assert.deepEqual(await program.ended, { code, signal: null });
    const tookMs = performance.now() - sinceMs;
    assert.ok(tookMs < 1_000, `${tookMs} ms`);
    times.push(`${code} after ${tookMs.toFixed(0)} ms (${signal})`);
  }
  return `with a request in flight it ends at once: ${times.join(', ')}`;
});
