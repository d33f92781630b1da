import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';

/** About 60 MB. */
const LINES = 30_000;

/** Writes lines to its standard output, tells on standard error how that went, then does what `ending` says. */
const sidecar = (ending: string, lines = LINES) => `
  import { createLog } from ${JSON.stringify(new URL('../../../../src/ops/log/log.ts', import.meta.url).href)};
  import { setImmediate } from 'node:timers/promises';
  const log = createLog({ level: 'info', version: '1.2.3', env: {}, destination: process.stdout });
  const rss = () => process.memoryUsage.rss() / 1024 / 1024;
  let rssMiB = 0, baseMiB = 0;
  for (let i = 0; i < ${lines}; i++) {
    if (i % 100 === 0) await setImmediate();
    if (i === 2_000) baseMiB = rss();
    if (i % 1_000 === 0) rssMiB = Math.max(rssMiB, rss());
    log.info({ i, pad: 'x'.repeat(2_000) }, 'line');
  }
  process.stderr.write(JSON.stringify({ grownMiB: rssMiB - baseMiB, waiting: process.stdout.writableLength }) + '\\n');
  ${ending}
`;

function start(ending: string, lines?: number) {
  return spawn(process.execPath, ['--input-type=module', '--eval', sidecar(ending, lines)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

for (const [how, ending] of [
  ['process.exit', 'process.exit(7);'],
  ['a natural end with a last timer', 'process.exitCode = 7; setTimeout(() => process.exit(), 200).unref();'],
] as const) {
  test(`while nobody reads standard output the event loop runs, memory is bounded, and ${how} ends the process`, async (t) => {
    const child = start(ending);
    // A process whose event loop stands still, or that cannot exit, would hold up the test for ever.
    const hung = setTimeout(() => child.kill('SIGKILL'), 300_000);
    t.after(() => {
      clearTimeout(hung);
      child.kill('SIGKILL');
      child.stdout.destroy();
    });
    const told = text(child.stderr);
    const [code, signal] = await once(child, 'exit');
    assert.deepEqual([code, signal], [7, null]);
    const { grownMiB, waiting } = JSON.parse(await told);
    assert.ok(grownMiB < 32, `grown by ${grownMiB} MiB`);
    assert.ok(waiting > 900_000 && waiting < 1_200_000, `${waiting} characters wait`);
  });
}

test('when somebody reads again, every line has arrived or is counted as dropped', async (t) => {
  const child = start('');
  t.after(() => child.kill('SIGKILL'));
  await once(child.stderr, 'data');
  const output = text(child.stdout);
  assert.deepEqual(await once(child, 'close'), [0, null]);
  const lines = (await output)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const through = lines.filter(({ msg }) => msg === 'line').length;
  const reports = lines.filter(({ dropped }) => dropped !== undefined);
  assert.equal(reports.length, 1);
  assert.ok(through > 300);
  assert.equal(through + reports[0].dropped, LINES);
});

test('the process continues when its reader goes away', async (t) => {
  const child = start('process.exitCode = 7;', 5_000);
  t.after(() => child.kill('SIGKILL'));
  child.stdout.destroy();
  child.stderr.resume();
  assert.deepEqual(await once(child, 'exit'), [7, null]);
});

const hasTerminal = spawnSync('script', ['--version']).status === 0;

test('a terminal that somebody holds does not stop it either', {
  skip: !hasTerminal && 'needs script (util-linux)',
}, async (t) => {
  const folder = scratch();
  const [program, told] = [join(folder, 'sidecar.mjs'), join(folder, 'told')];
  writeFileSync(program, sidecar(''));
  // `script` gives it a terminal, and stops reading from it when nobody reads what `script` itself prints.
  const words = `'${process.execPath}' '${program}' 2>'${told}'`;
  const terminal = spawn('script', ['-qec', words, '/dev/null'], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(async () => {
    terminal.kill('SIGKILL');
    terminal.stdout.destroy();
    await once(terminal, 'close');
  });
  await until(
    'it has written all its lines',
    () => existsSync(told) && readFileSync(told, 'utf8').endsWith('\n'),
  );
  const { grownMiB, waiting } = JSON.parse(readFileSync(told, 'utf8'));
  assert.ok(grownMiB < 32, `grown by ${grownMiB} MiB`);
  assert.ok(waiting > 900_000 && waiting < 1_200_000, `${waiting} characters wait`);
});
