import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { App } from '../support/ask.ts';
import { makePayload } from '../support/payload.ts';
import { answeredBy, startServe } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';
import { reply, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { monotonicMs } from '../support/stall-recorder.ts';
import { until } from '../support/until.ts';
import { Books } from './books.ts';
import { fault, isFull, NO_REPLY, routeOf, startTrial, type Trial } from './fault.ts';

/* Faults caused by the sidecar's own machine. */

const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const folder = scratch();
const APPS = 20;
const TIMEOUT_MS = 2_000;

/** A round counts where the block was felt, and the replies were out in time by what the machine let this process do. */
interface Round {
  counts: boolean;
  quickestMs: number;
  failed: number;
}

async function blockOnce(trial: Trial, apps: readonly App[], upstream: ScriptedUpstream): Promise<Round> {
  const release = Promise.withResolvers<void>();
  upstream.script = () => ({ do: 'hold', until: release.promise });
  const sent = upstream.seen.length + APPS;
  const sentMs = monotonicMs();
  const asked = Promise.all(apps.map((app, client) => app.ask(makePayload(client, sent))));
  await until('all are at the upstream', () => upstream.seen.length === sent);
  trial.program.kill('SIGUSR2');
  // It has read the signal by then, and is blocked.
  await setTimeout(200);
  release.resolve();
  await setImmediate();
  const tookMs = monotonicMs() - sentMs;
  const answers = await asked;
  const quickestMs = Math.min(...answers.map(({ ms }) => ms));
  return {
    counts: tookMs < TIMEOUT_MS * 0.75 && quickestMs > TIMEOUT_MS * 1.25,
    quickestMs,
    failed: answers.filter(({ failure }) => failure !== undefined).length,
  };
}

for (const correlate of [false, true]) {
  fault(`the event loop is blocked for 4 s while replies come in, correlate: ${correlate}`, async (t) => {
    const upstream = await ScriptedUpstream.start();
    t.after(() => upstream.close());
    const trial = await startTrial(
      t,
      // Only one attempt: if a reply is declared timed out, the request fails.
      routeOf([upstream.address], {
        ...{
          correlate,
          timeout: `${TIMEOUT_MS}ms`,
          attempts: 1,
          deadline: `${TIMEOUT_MS}ms`,
          salvage: false,
        },
        limits: { adaptive: false, inFlightPerEndpoint: 64 },
      }),
      {},
      { env: { NODE_OPTIONS: `--import=${fileOf('block-on-signal.ts')}` } },
    );
    const books = await Books.open(t, trial, APPS);
    const apps = Array.from({ length: APPS }, () => books.app());
    const most = isFull ? 10 : 1;
    const rounds: Round[] = [];
    await until('the machine was quick enough', async () => {
      const round = await blockOnce(trial, apps, upstream);
      if (round.counts) rounds.push(round);
      return rounds.length === most;
    });
    assert.equal(
      rounds.reduce((sum, { failed }) => sum + failed, 0),
      0,
    );
    upstream.script = () => reply;
    const quickestMs = Math.min(...rounds.map((round) => round.quickestMs));
    const figures = await books.balance({ executed: upstream.seen });
    return `${most} x ${APPS} replies that came within the timeout of ${TIMEOUT_MS} ms were read ${quickestMs.toFixed(0)} ms after the request and later; 0 timed out, 0 lost; ${figures}`;
  });
}

/** Its standard output is a pipe, as in a container. The reader first reports its own process id. */
const pipe = join(folder, 'stdout');
const THROUGH_PIPE = ['sh', '-c', 'mkfifo "$0"; cat "$0" & echo "reader $!"; exec "$@" > "$0"', pipe];

const DROPPED = 'log lines dropped: nobody read standard output';

/** More lines than the pipe and the sidecar keep, about 4,300, so that some are dropped. */
const UNREAD = isFull ? 300_000 : 6_000;

fault('nobody reads standard output', async (t) => {
  const serve = await startServe(t);
  const route = routeOf([serve.address], { correlate: true });
  const trial = await startTrial(t, route, { log: { sample: 1 } }, { through: THROUGH_PIPE });
  const { program } = trial;
  const reader = await program.line((line) => /^reader (\d+)/.exec(line)?.[1]);
  const books = await Books.open(t, trial);
  process.kill(Number(reader), 'SIGSTOP');
  try {
    await books.askOn(16, () => books.asked < UNREAD);
  } finally {
    process.kill(Number(reader), 'SIGCONT');
  }
  const written = () => program.stdout.filter((line) => line.includes('"msg":"answered"')).length;
  const dropped = () =>
    program.stdout.reduce(
      (sum, line) => sum + (line.includes(DROPPED) ? Number(JSON.parse(line).dropped) : 0),
      0,
    );
  await until('each line was written or is counted', () => written() + dropped() === books.asked);
  assert.ok(dropped() > 0 && written() < 6_000, `${written()} lines were kept`);
  assert.equal(books.failed, 0);
  assert.equal(await trial.total('lazypirate_attempts_total', NO_REPLY), 0);
  const figures = await books.balance({ executed: () => answeredBy(serve.program) });
  return `${written()} lines written, ${dropped()} dropped and counted; ${figures}`;
});
