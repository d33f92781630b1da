import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Answer, App } from '../support/ask.ts';
import { rssMiB } from '../support/process.ts';
import { startServe } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';
import { delay, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { baseline, fault, isFull, routeOf, settled, startTrial } from './fault.ts';

/* What its own machine does to a sidecar. */

const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const folder = scratch();

for (const correlate of [false, true]) {
  fault(`the event loop is blocked for 2 s while replies come in, correlate: ${correlate}`, async (t) => {
    const TIMEOUT_MS = 1_000;
    const upstream = await ScriptedUpstream.start(delay(200));
    t.after(() => upstream.close());
    const trial = await startTrial(
      t,
      // One attempt, and no second chance: a reply that is declared timed out is a request that fails.
      routeOf([upstream.address], {
        ...{ correlate, timeout: `${TIMEOUT_MS}ms`, attempts: 1, salvage: false },
        limits: { adaptive: false, inFlightPerEndpoint: 64 },
      }),
      {},
      { env: { NODE_OPTIONS: `--import=${fileOf('block-on-signal.ts')}` } },
    );
    const apps = Array.from({ length: 50 }, () => new App(trial.address));
    t.after(() => {
      for (const app of apps) app.close();
    });
    const round = () => Promise.all(apps.map((app, index) => app.ask(`request ${index}`)));
    await round();
    const before = await baseline(trial);
    const rounds = isFull ? 10 : 1;
    const answers: Answer[] = [];
    for (let i = 0; i < rounds; i++) {
      const sent = upstream.seen.length + apps.length;
      const asked = round();
      while (upstream.seen.length < sent) await setTimeout(1);
      trial.program.kill('SIGUSR2');
      answers.push(...(await asked));
    }
    for (const [index, { text }] of answers.entries()) assert.equal(text, `request ${index % apps.length}`);
    const quickestMs = Math.min(...answers.map(({ ms }) => ms));
    assert.ok(quickestMs > TIMEOUT_MS + 500, `the block was felt: ${quickestMs} ms`);
    assert.equal(await trial.total('lazypirate_attempts_total', /result="(timeout|lost)"/), 0);
    const slowestMs = Math.max(...answers.map(({ ms }) => ms));
    const quiet = await settled(trial, before);
    return `${rounds} x 50 replies that came within the timeout of ${TIMEOUT_MS} ms were read ${quickestMs.toFixed(0)} to ${slowestMs.toFixed(0)} ms after the request; 0 timed out, 0 lost; ${quiet}`;
  });
}

/** Its standard output is a pipe, as a container's is; whoever reads it tells its process id first. */
const pipe = join(folder, 'stdout');
const THROUGH_PIPE = ['sh', '-c', 'mkfifo "$0"; cat "$0" & echo "reader $!"; exec "$@" > "$0"', pipe];

fault('nobody reads standard output for 60 s', async (t) => {
  const seconds = isFull ? 60 : 2;
  const serve = await startServe(t);
  const route = routeOf([serve.address], { correlate: true });
  const trial = await startTrial(t, route, { log: { sample: 1 } }, { through: THROUGH_PIPE });
  const { program } = trial;
  const reader = await program.line((line) => /^reader (\d+)/.exec(line)?.[1]);
  const apps = Array.from({ length: 16 }, () => new App(trial.address));
  t.after(() => {
    for (const app of apps) app.close();
  });
  await Promise.all(apps.map((app) => app.ask('hello')));
  const before = await baseline(trial);
  const times: number[] = [];
  const askFor = async (app: App, untilMs: number) => {
    for (; performance.now() < untilMs; ) {
      const { text, ms } = await app.ask('hello');
      assert.equal(text, 'hello');
      times.push(ms);
    }
  };
  process.kill(Number(reader), 'SIGSTOP');
  let earlierMiB: number;
  let laterMiB: number;
  try {
    const untilMs = performance.now() + seconds * 1_000;
    await Promise.all(apps.map((app) => askFor(app, untilMs - seconds * 500)));
    earlierMiB = rssMiB(program.pid);
    await Promise.all(apps.map((app) => askFor(app, untilMs)));
    laterMiB = rssMiB(program.pid);
  } finally {
    process.kill(Number(reader), 'SIGCONT');
  }
  const { dropped } = await program.logged('log lines dropped: nobody read standard output');
  const written = program.stdout.filter((line) => line.includes('"msg":"answered"')).length;
  assert.ok(Number(dropped) > 0);
  assert.equal(written + Number(dropped), times.length + apps.length, 'each line was written or is counted');
  // As much as the heap of a busy process goes up and down; the lines of half a minute would be more.
  assert.ok(laterMiB < earlierMiB + 64, `${earlierMiB} to ${laterMiB} MiB`);
  times.sort((a, b) => a - b);
  const [p99 = 0, slowest = 0] = [times[Math.floor(times.length * 0.99)], times.at(-1)];
  assert.ok(slowest < 1_000, `${slowest} ms`);
  return `${seconds} s, ${times.length} of ${times.length} requests answered, p99 ${p99.toFixed(1)} ms, slowest ${slowest.toFixed(0)} ms; ${written} lines written, ${dropped} dropped and counted; ${earlierMiB.toFixed(0)} MiB half way, ${laterMiB.toFixed(0)} at the end; ${await settled(trial, before)}`;
});
