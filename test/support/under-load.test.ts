import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Program } from './program.ts';
import { scratch } from './scratch.ts';

const MAIN = fileURLToPath(new URL('under-load.ts', import.meta.url));

test('the tests under load are told run by run, and one that fails shows its output and exits with 1', async (t) => {
  const folder = scratch();
  const [good, bad] = ['good', 'bad'].map((name) => join(folder, `${name}.test.mjs`)) as [string, string];
  writeFileSync(good, "import { test } from 'node:test'; test('good', () => {});");
  writeFileSync(
    bad,
    "import { test } from 'node:test'; test('bad', () => { throw new Error('told you'); });",
  );
  const green = Program.start(t, process.execPath, [MAIN, '--times', '2', '--loops', '1', good]);
  assert.equal((await green.ended).code, 0);
  assert.match(
    green.stdout[0] ?? '',
    /^1 of 2: green after \d+ s \(pass 1, fail 0, cancelled 0, skipped 0\)$/,
  );
  assert.deepEqual(green.stdout.slice(2), ['2 of 2 green, with 1 busy loops']);
  const red = Program.start(t, process.execPath, [
    MAIN,
    '--times',
    '1',
    '--loops',
    '0',
    '--stalls',
    good,
    bad,
  ]);
  assert.equal((await red.ended).code, 1);
  assert.match(red.stdout[0] ?? '', /^1 of 1: RED after \d+ s \(pass 1, fail 1, /);
  assert.match(red.stdout.join('\n'), /told you/);
});
