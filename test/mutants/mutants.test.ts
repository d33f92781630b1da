import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { scratch } from '../support/scratch.ts';
import { mutationsOf } from './mutations.ts';
import { runOne } from './run-one.ts';
import { type Fate, report } from './score.ts';
import { reaching } from './tests.ts';

const becoming = (source: string) => mutationsOf(`${source}\n`).map(({ becomes }) => becomes);

test('operators, conditions, constants and statements are changed, one at a time', () => {
  assert.deepEqual(becoming('a = b < 3;'), [';', 'a = b <= 3;', 'a = b >= 3;', 'a = b < 4;']);
  assert.deepEqual(becoming('if (!on) stop();'), [
    'if (on) stop();',
    'if (true) stop();',
    'if (false) stop();',
    'if (!on) ;',
  ]);
  assert.deepEqual(becoming('const c = a?.b ?? 0.2;'), [
    'const c = a.b ?? 0.2;',
    'const c = a?.b && 0.2;',
    'const c = a?.b ?? 0.4;',
  ]);
});

test('what only the compiler wants beside an index is not changed', () => {
  assert.deepEqual(becoming('const c = a[at] ?? 0;'), ['const c = a[at] && 0;']);
});

test('types and strings are not changed, what they belong to is', () => {
  assert.deepEqual(becoming("type A = 1 | true; const a: A = f('x', 5 as 5) as 6;"), [
    "type A = 1 | true; const a: A = f('x', 6 as 5) as 6;",
  ]);
});

const SOURCE = `export const wait = (times: number) => {
  for (let at = 0; at < times; at++);
  return times > 5 ? 1 : Promise.resolve(2);
};`;
const TEST = `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wait } from './wait.ts';
test('waits', async () => assert.equal(await wait(3), 2));`;

test('a change counts as noticed if a test fails, does not end, or waits for ever', async () => {
  const folder = scratch();
  mkdirSync(join(folder, 'src'));
  const [path, testPath] = [join(folder, 'src', 'wait.ts'), join(folder, 'src', 'wait.test.ts')];
  writeFileSync(path, SOURCE);
  writeFileSync(testPath, TEST);
  const [url, testUrl] = [pathToFileURL(path).href, pathToFileURL(testPath).href];
  assert.deepEqual(reaching([url], [testPath]), [testUrl]);
  const whole = await runOne({ test: testUrl }, 60_000);
  assert.ok(whole.kind === 'passed');
  const unrun = whole.covered[url]?.find(({ count }) => count === 0);
  assert.equal(unrun && SOURCE.slice(unrun.startOffset, unrun.endOffset).trim(), '? 1');
  const ran = async (was: string, becomes: string, limitMs: number) =>
    (await runOne({ test: testUrl, mutant: { url, source: SOURCE.replace(was, becomes) } }, limitMs)).kind;
  assert.equal(await ran('1 :', '7 :', 60_000), 'passed');
  assert.equal(await ran('> 5', '< 5', 60_000), 'failed');
  assert.equal(await ran('Promise.resolve(2)', 'new Promise(() => {})', 60_000), 'failed');
  assert.equal(await ran('at++', 'at--', 1_000), 'endless');
});

test('what is listed as harmless does not count, and an entry of which nothing is left is an error', () => {
  const fate = (becomes: string, kind: Fate['kind']): Fate => ({
    ...{ file: 'src/a.ts', at: 0, line: 1, was: 'a + 1', becomes, kind },
  });
  const harmless = { file: 'a.ts', was: 'a + 1', becomes: ['a + 2'], why: 'nobody looks' };
  const killed = ['a', 'b', 'c'].map((becomes) => fate(becomes, 'failed'));
  const good = report([...killed, fate('a + 2', 'survived')], [harmless]);
  assert.deepEqual(good, {
    isGood: true,
    text: '100.0 %     3 of 3     src/a.ts\n100.0 %     3 of 3     all',
  });
  assert.match(report(killed, [harmless]).text, /lists what a test notices/);
  assert.equal(report(killed, [harmless]).isGood, false);
  const bad = report([...killed, fate('a + 2', 'unrun')], []);
  assert.equal(bad.isGood, false);
  assert.match(bad.text, /^src\/a\.ts:1, which no unit test runs\n {2}- a \+ 1\n {2}\+ a \+ 2\n 75\.0 %/);
});
