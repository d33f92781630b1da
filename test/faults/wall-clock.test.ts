import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scratch } from '../support/scratch.ts';
import { drop, reply, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import { lacks } from '../support/tools.ts';
import { until } from '../support/until.ts';
import { Books } from './books.ts';
import { fault, isFull, routeOf, startTrial } from './fault.ts';

const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const folder = scratch();
const library = join(folder, 'wall-clock.so');
const clockSkip =
  lacks('cc') ||
  (spawnSync('cc', ['-shared', '-fPIC', '-o', library, fileOf('wall-clock.c')]).status !== 0 &&
    'wall-clock.c cannot be compiled on this machine');

fault(
  'the wall clock jumps by an hour, forwards and backwards, as reported by libc',
  async (t) => {
    const DEADLINE_MS = 1_000;
    const upstream = await ScriptedUpstream.start((body) => (body === 'no answer' ? drop : reply));
    t.after(() => upstream.close());
    const clock = join(folder, 'wall-clock-offset');
    const jump = (seconds: number) => {
      const file = openSync(clock, 'r+');
      writeSync(file, new BigInt64Array([BigInt(seconds)]));
      closeSync(file);
    };
    writeFileSync(clock, new BigInt64Array(1));
    const route = routeOf([upstream.address], {
      ...{ attempts: 1, deadline: `${DEADLINE_MS}ms`, limits: { adaptive: false } },
    });
    const env = { LD_PRELOAD: library, WALL_CLOCK_OFFSET: clock };
    const trial = await startTrial(t, route, { log: { sample: 1 } }, { env });
    const books = await Books.open(t, trial);
    const load = new SteadyLoad(trial.address, 50, () => books.app());
    t.after(() => load.abandon());
    const unanswered = () => upstream.seen.filter((body) => body === 'no answer').length;
    /** A request that is at the upstream. On a slow machine some run out of time before. */
    const sent = async () => {
      for (;;) {
        const [before, waiting] = [unanswered(), books.ask('no answer')];
        let isOver = false;
        waiting.finally(() => {
          isOver = true;
        });
        await until('it is at the upstream', () => isOver || unanswered() > before);
        if (!isOver) return { waiting };
      }
    };
    const shown: number[] = [];
    const waits: number[] = [];
    for (const hours of isFull ? [1, 0, -1, 0, 1, -1, 0] : [1, -1]) {
      const { waiting } = await sent();
      jump(hours * 3_600);
      const { failure, ms } = await waiting;
      assert.equal(failure?.code, 'TIMEOUT');
      waits.push(ms);
      shown.push(
        Date.parse(JSON.parse(trial.program.stdout.at(-1) ?? '').time) - Date.now() - hours * 3_600_000,
      );
    }
    await load.stop();
    // The books check that they are not too late either.
    for (const ms of waits) assert.ok(ms > DEADLINE_MS - 50, `${ms} ms`);
    for (const offMs of shown)
      assert.ok(Math.abs(offMs) < 1_800_000, `the log shows the jump: off by ${offMs} ms`);
    // A slow machine misses a short deadline, and a request that waits is refused as soon as no reply can come in time. What fails at
    // a jump fails soon after it was sent: there is one in flight at any time.
    for (const { tookMs } of load.failures)
      assert.ok(tookMs > DEADLINE_MS / 2, `a request fails at a jump, after ${tookMs} ms`);
    assert.equal(await trial.total('lazypirate_resets_total', /reason="(lost|protocol)"/), 0);
    const told = waits.map((ms) => ms.toFixed(0)).join(', ');
    return `${waits.length} jumps, by a library in front of libc's clock functions; requests without a reply had their failure after ${told} ms; ${await books.balance({ executed: upstream.seen })}`;
  },
  clockSkip,
);
