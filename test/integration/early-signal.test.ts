import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { signalBefore } from '../../src/lifecycle/signals.ts';
import { build } from '../support/built.ts';
import { family } from '../support/process.ts';
import { FROM_SOURCE, Program } from '../support/program.ts';
import { until } from '../support/until.ts';

/* Process 1 of a container: the kernel drops each signal that it does not listen for. */

const UNSHARE = ['unshare', '--pid', '--fork', '--kill-child'];
const ENV = {
  LAZYPIRATE_LISTEN: 'tcp://127.0.0.1:0',
  LAZYPIRATE_UPSTREAM: 'tcp://127.0.0.1:1',
  LAZYPIRATE_ADMIN_LISTEN: '127.0.0.1:0',
};

function missing(): string | false {
  const { status } = spawnSync('unshare', [...UNSHARE.slice(1), 'true']);
  return status !== 0 && 'needs the right to make a pid namespace';
}

/** Whether Node has begun to listen for signals: before, nothing of ours runs, and the kernel alone decides. */
function hasBegun(pid: number): boolean {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return !/^Name:\tunshare$/m.test(status) && signalBefore(status) === undefined;
}

/** The sidecar as process 1, as soon as it can be told anything. */
async function begun(t: TestContext, main: string): Promise<{ program: Program; pid: number }> {
  const program = Program.lazypirate(t, ['run'], { main, through: UNSHARE, env: ENV });
  let pid = 0;
  await until('Node has begun', () => {
    pid = family(program.pid)[1] ?? 0;
    return pid !== 0 && hasBegun(pid);
  });
  return { program, pid };
}

/** How often it is looked at the process before it is told to end: each time a little later, until it serves. */
for (const [what, main, all] of [
  ['from source', () => FROM_SOURCE, [0, 30]],
  ['bundled', build, [0, 10, 30, 90]],
] as const) {
  test(`a SIGTERM ends process 1 however early it comes, ${what}`, { skip: missing() }, async (t) => {
    for (const looks of all) {
      const { program, pid } = await begun(t, main());
      for (let look = 0; look < looks; look++) family(program.pid);
      process.kill(pid, 'SIGTERM');
      await until('it has ended', () => program.child.exitCode !== null);
      assert.equal(program.child.exitCode, 0, program.stderr.join('\n'));
    }
  });
}
