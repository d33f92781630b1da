import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const TESTS = new URL('../', import.meta.url);
const page = readFileSync(new URL('THREATS.md', import.meta.url), 'utf8');

test('every test that the threat model names is there', () => {
  const cited = [...page.matchAll(/`([\w/-]+)`\s((?:"[^"]+"(?:,\s)?)+)/g)].flatMap(([, file, titles = '']) =>
    [...titles.matchAll(/"([^"]+)"/g)].map(([, title = '']) => ({ file, title: title.replace(/\s+/g, ' ') })),
  );
  assert.ok(cited.length > 30, `${cited.length} are named`);
  const missing = cited.filter(
    ({ file, title }) => !readFileSync(new URL(`${file}.test.ts`, TESTS), 'utf8').includes(title),
  );
  assert.deepEqual(missing, []);
});
