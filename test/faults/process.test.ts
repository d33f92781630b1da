import assert from 'node:assert/strict';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Answer, App } from '../support/ask.ts';
import { makePayload } from '../support/payload.ts';
import { rssMiB } from '../support/process.ts';
import { answeredBy, startServe } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';
import { delay, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';
import { Books } from './books.ts';
import { fault, isFull, routeOf, startTrial } from './fault.ts';

/* What its own machine does to a sidecar. */

const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const folder = scratch();
const APPS = 50;
const TIMEOUT_MS = 1_000;
/** As block-on-signal.ts does it. */
const BLOCKED_MS = 2_000;

for (const correlate of [false, true]) {
  fault(`the event loop is blocked for 2 s while replies come in, correlate: ${correlate}`, async (t) => {
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
    const books = await Books.open(t, trial, APPS);
    const apps = Array.from({ length: APPS }, () => books.app());
    const rounds = isFull ? 10 : 1;
    const answers: Answer[] = [];
    for (let round = 0; round < rounds; round++) {
      const sent = upstream.seen.length + APPS;
      const asked = Promise.all(apps.map((app, client) => app.ask(makePayload(client, round))));
      await until('all are at the upstream', () => upstream.seen.length === sent);
      trial.program.kill('SIGUSR2');
      answers.push(...(await asked));
    }
    assert.equal(books.failed, 0);
    const quickestMs = Math.min(...answers.map(({ ms }) => ms));
    assert.ok(quickestMs > TIMEOUT_MS + 500, `the block was felt: ${quickestMs} ms`);
    assert.equal(await trial.total('lazypirate_attempts_total', /result="(timeout|lost)"/), 0);
    const figures = await books.balance({ executed: upstream.seen, stalledMs: BLOCKED_MS });
    return `${rounds} x ${APPS} replies that came within the timeout of ${TIMEOUT_MS} ms were read ${quickestMs.toFixed(0)} ms after the request and later; 0 timed out, 0 lost; ${figures}`;
  });
}

/** Its standard output is a pipe, as a container's is; whoever reads it tells its process id first. */
const pipe = join(folder, 'stdout');
const THROUGH_PIPE = ['sh', '-c', 'mkfifo "$0"; cat "$0" & echo "reader $!"; exec "$@" > "$0"', pipe];

const DROPPED = 'log lines dropped: nobody read standard output';

fault('nobody reads standard output for 60 s', async (t) => {
  const seconds = isFull ? 60 : 2;
  const serve = await startServe(t);
  const route = routeOf([serve.address], { correlate: true });
  const trial = await startTrial(t, route, { log: { sample: 1 } }, { through: THROUGH_PIPE });
  const { program } = trial;
  const reader = await program.line((line) => /^reader (\d+)/.exec(line)?.[1]);
  const books = await Books.open(t, trial);
  const apps = Array.from({ length: 16 }, () => books.app());
  const times: number[] = [];
  const askFor = async (app: App, untilMs: number) => {
    while (performance.now() < untilMs) times.push((await app.ask(makePayload(0, books.asked))).ms);
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
  await program.logged(DROPPED);
  const written = () => program.stdout.filter((line) => line.includes('"msg":"answered"')).length;
  const dropped = () =>
    program.stdout.reduce(
      (sum, line) => sum + (line.includes(DROPPED) ? Number(JSON.parse(line).dropped) : 0),
      0,
    );
  await until('each line was written or is counted', () => written() + dropped() === books.asked);
  // As much as the heap of a busy process goes up and down; the lines of half a minute would be more.
  assert.ok(laterMiB < earlierMiB + 64, `${earlierMiB} to ${laterMiB} MiB`);
  assert.equal(books.failed, 0);
  assert.ok(books.slowestMs < 1_000, `${books.slowestMs} ms`);
  const p99 = times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0;
  const figures = await books.balance({ executed: () => answeredBy(serve.program) });
  return `${seconds} s, p99 ${p99.toFixed(1)} ms; ${written()} lines written, ${dropped()} dropped and counted; ${earlierMiB.toFixed(0)} MiB half way, ${laterMiB.toFixed(0)} at the end; ${figures}`;
});
