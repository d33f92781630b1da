import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Program } from '../support/program.ts';
import { prepare } from './simulate.ts';

/** `npm run simulate` is for many. */
const SEEDS = Number(process.env['LAZYPIRATE_SEEDS'] ?? 400);
const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

/* In a separate process: the test runner tracks every promise of its own process, which makes the simulation three times slower. */
test(`the promises hold in ${SEEDS} simulated worlds`, async (t) => {
  const program = Program.start(t, process.execPath, [MAIN, '--seeds', String(SEEDS)]);
  const { code } = await program.ended;
  assert.deepEqual([code, program.stdout.length, program.stderr], [0, 1, []], program.stdout.join('\n'));
  const [line = ''] = program.stdout;
  t.diagnostic(line);
  const count = (what: string) => Number(new RegExp(`(\\d+) ${what}`).exec(line)?.[1]);
  assert.equal(count('seeds broken'), 0);
  assert.equal(count('seeds in'), SEEDS);
  assert.ok(count('faults') > 10 * SEEDS, 'there were faults');
  assert.ok(count('replied') > count('requests') / 10, 'and there were replies');
});

test('the same seed does the same', async () => {
  const simulate = await prepare();
  const [first, second, other] = [await simulate(7), await simulate(7), await simulate(8)];
  assert.deepEqual(second, first);
  assert.notEqual(other.fingerprint, first.fingerprint);
});
