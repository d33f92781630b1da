import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { cpuMs, descriptors } from '../support/process.ts';
import { FROM_SOURCE } from '../support/program.ts';
import { lacks } from '../support/tools.ts';
import { UpstreamProcess } from '../support/upstream-process.ts';
import { Books, bodiesOf } from './books.ts';
import { fault, isFull, routeOf, startTrial } from './fault.ts';

const LIMIT = 60;
const APPS = 100;
/** Requests of an app that is already connected. */
const REQUESTS = 200;
/** How long a sidecar without descriptors keeps running. */
const PATIENCE_S = isFull ? 30 : 2;
const IMPATIENT = new URL('impatient.ts', import.meta.url).href;
const NONE_LEFT = 'no file descriptors left: new connections fail; raise the open file limit (ulimit -n)';

async function startLimited(t: TestContext, hook?: string) {
  const upstream = await UpstreamProcess.start(t);
  const route = routeOf([upstream.address], { correlate: true });
  const trial = await startTrial(
    t,
    route,
    {},
    {
      through: ['prlimit', `--nofile=${LIMIT}`],
      ...(hook !== undefined && { main: FROM_SOURCE, env: { NODE_OPTIONS: `--import=${hook}` } }),
    },
  );
  return { upstream, trial, books: await Books.open(t, trial) };
}

/** Apps that send one request each, whether they are admitted or not. */
function crowd(books: Books) {
  const apps = Array.from({ length: APPS }, () => books.app());
  // An app that leaves before it is admitted gets no answer.
  const asked = apps.map((app, number) => app.ask(`let me in ${number}`).catch(() => undefined));
  return async () => {
    for (const app of apps) app.close();
    await Promise.all(asked);
  };
}

fault(
  `${APPS} apps with a limit of ${LIMIT} descriptors`,
  async (t) => {
    const { upstream, trial, books } = await startLimited(t);
    const { program } = trial;
    const good = books.app();
    await good.ask('hello');
    const before = books.own + REQUESTS;
    const leave = crowd(books);
    const { level } = await program.logged(NONE_LEFT);
    assert.equal(level, 'error');
    const [usedMs, sinceMs] = [cpuMs(program.pid), performance.now()];
    for (let i = 0; i < REQUESTS; i++) assert.equal((await good.ask(`request ${i}`)).text, `request ${i}`);
    const share = (cpuMs(program.pid) - usedMs) / (performance.now() - sinceMs);
    const entered = books.own - before;
    assert.ok(entered > 0 && entered < APPS, `${entered} were let in`);
    const open = descriptors(program.pid, LIMIT);
    await leave();
    await program.logged('file descriptors are available again');
    const backMs = await books.recovered();
    return `${entered} of ${APPS} were admitted; ${open} of ${LIMIT} descriptors in use; ${REQUESTS} of ${REQUESTS} requests of a connected app answered, using ${share.toFixed(1)} CPUs; served ${backMs.toFixed(0)} ms after the others had left; ${await books.balance({ executed: async () => bodiesOf(upstream) })}`;
  },
  lacks('prlimit'),
);

fault(
  'no file descriptors are left',
  async (t) => {
    const { upstream, trial, books } = await startLimited(t, isFull ? undefined : IMPATIENT);
    const { program } = trial;
    const leave = crowd(books);
    // By its own clock: this process may read the line only later.
    const { time } = await program.logged(NONE_LEFT);
    const { code } = await program.ended;
    const seconds = (Date.now() - Date.parse(String(time))) / 1_000;
    await leave();
    assert.equal(code, 1);
    const [words = ''] = program.stderr;
    assert.match(
      words,
      new RegExp(`^lazypirate: no file descriptors were left for ${PATIENCE_S} s; raise the`),
    );
    assert.ok(seconds > PATIENCE_S - 1);
    const outside = books.asked - books.own - books.failed;
    return `exits with code 1 and one line after ${seconds.toFixed(0)} s; ${outside} of ${APPS} apps were not admitted; ${books.balanceOfEnded(bodiesOf(upstream), outside, [words])}`;
  },
  lacks('prlimit'),
);
