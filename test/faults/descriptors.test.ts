import assert from 'node:assert/strict';
import { App } from '../support/ask.ts';
import { cpuMs, descriptors } from '../support/process.ts';
import { startServe } from '../support/program.ts';
import { lacks } from '../support/tools.ts';
import { UpstreamProcess } from '../support/upstream-process.ts';
import { Books, bodiesOf } from './books.ts';
import { fault, routeOf, startTrial } from './fault.ts';

const LIMIT = 60;
const THROUGH = ['prlimit', `--nofile=${LIMIT}`];
/** How long a sidecar without descriptors goes on. */
const PATIENCE_MS = 30_000;

/** So many apps that ask once each, whether they are let in or not. */
function crowd(address: string, size: number) {
  const apps = Array.from({ length: size }, () => new App(address));
  let answered = 0;
  const asked = apps.map((app) =>
    app.ask('let me in').then(
      () => answered++,
      () => undefined,
    ),
  );
  return {
    answered: () => answered,
    leave: async () => {
      for (const app of apps) app.close();
      await Promise.all(asked);
    },
  };
}

fault(
  `100 apps where ${LIMIT} descriptors are allowed`,
  async (t) => {
    const upstream = await UpstreamProcess.start(t);
    const route = routeOf([upstream.address], { correlate: true });
    const trial = await startTrial(t, route, {}, { through: THROUGH });
    const { program } = trial;
    const books = await Books.open(t, trial);
    const good = books.app();
    await good.ask('hello');
    const { leave, answered } = crowd(trial.address, 100);
    const { level } = await program.logged(
      'no descriptor is left: new connections wait; raise the limit of open files (ulimit -n)',
    );
    assert.equal(level, 'error');
    const [usedMs, sinceMs] = [cpuMs(program.pid), performance.now()];
    for (let i = 0; i < 200; i++) assert.equal((await good.ask(`request ${i}`)).text, `request ${i}`);
    const share = (cpuMs(program.pid) - usedMs) / (performance.now() - sinceMs);
    const entered = answered();
    assert.ok(entered > 0 && entered < 100, `${entered} were let in`);
    const open = descriptors(program.pid, LIMIT);
    await leave();
    await program.logged('descriptors are to be had again');
    const backMs = await books.recovered();
    return `${entered} of 100 were let in, ${open} descriptors of these ${LIMIT} in use; 200 of 200 requests of an app that was there answered, with ${share.toFixed(1)} CPUs in use; served ${backMs.toFixed(0)} ms after the others had left; ${await books.balance({ executed: async () => bodiesOf(upstream), strangers: true })}`;
  },
  lacks('prlimit'),
);

fault(
  'no descriptor is left for 30 s',
  async (t) => {
    const serve = await startServe(t);
    const { program, address } = await startTrial(t, routeOf([serve.address]), {}, { through: THROUGH });
    const { leave } = crowd(address, 100);
    await program.logged(
      'no descriptor is left: new connections wait; raise the limit of open files (ulimit -n)',
    );
    const sinceMs = performance.now();
    const { code } = await program.ended;
    const seconds = (performance.now() - sinceMs) / 1_000;
    await leave();
    assert.equal(code, 1);
    assert.match(program.stderr.join('\n'), /^lazypirate: no descriptor was left for 30 s; raise the limit/);
    assert.ok(seconds > PATIENCE_MS / 1_000 - 1);
    return `it ends with exit code 1 and one line after ${seconds.toFixed(0)} s`;
  },
  lacks('prlimit'),
);
