import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inOrder, LONGEST } from './order.ts';
import { Program } from './program.ts';
import { scratch } from './scratch.ts';
import { APART, together } from './together.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

test('the reporter says what runs while it runs, and at the end what failed, what was skipped and why', async (t) => {
  const folder = scratch();
  const over = join(folder, 'over');
  writeFileSync(join(folder, 'quick.test.mjs'), "import { test } from 'node:test'; test('good', () => {});");
  writeFileSync(
    join(folder, 'slow.test.mjs'),
    `import { existsSync } from 'node:fs';
     import { test } from 'node:test';
     import { setTimeout } from 'node:timers/promises';
     test('bad', () => { throw new Error('told you'); });
     test('elsewhere', { skip: 'needs another machine' }, () => {});
     test('long', async () => { while (!existsSync(${JSON.stringify(over)})) await setTimeout(5); });`,
  );
  const args = [MAIN, join(folder, '*.test.mjs')];
  const program = Program.start(t, process.execPath, args, { LAZYPIRATE_PROGRESS_MS: '50' });
  await program.line((line) =>
    /: 1 of 2 files done, 1 tests passed, 1 failed; .*slow/.test(line) ? line : undefined,
  );
  assert.ok(
    program.stdout.some((line) => /^✖ failed just now: bad \(.*slow/.test(line)),
    'before its file is over',
  );
  writeFileSync(over, '');
  assert.equal((await program.ended).code, 1);
  const text = program.stdout.join('\n');
  assert.match(text, /^ℹ pass 2$/m);
  assert.match(text, /^ℹ fail 1$/m);
  assert.match(text, /✖ failing tests:.*told you/s);
  assert.match(text, /Not run on this machine:\n {2}because needs another machine: "elsewhere"\n/);
  assert.match(program.stdout.at(-1) ?? '', /^2 files with 3 tests took \d+ s\.$/);
});

test('the files that take longest start first, and each of them is there', () => {
  for (const file of LONGEST) assert.ok(existsSync(file), file);
  const [first = '', second = ''] = LONGEST;
  assert.deepEqual(inOrder(['test/z', second, 'test/a', first]), [first, second, 'test/a', 'test/z']);
});

test('unit tests of one folder share a process, and those that look at their own do not', () => {
  for (const file of APART) assert.ok(existsSync(file), file);
  const [apart = ''] = APART;
  const [one, other] = ['test/unit/config/one.test.ts', 'test/unit/config/text/other.test.ts'];
  const files = ['test/unit/proxy/alone.test.ts', one, apart, 'test/soak/soak.test.ts', other];
  const [alone, shared = '', ...rest] = together(files);
  assert.deepEqual([alone, ...rest], ['test/unit/proxy/alone.test.ts', apart, 'test/soak/soak.test.ts']);
  assert.deepEqual(
    [...readFileSync(shared, 'utf8').matchAll(/^import ".*\/(test\/.*)";$/gm)].map(([, file]) => file),
    [one, other],
  );
});
