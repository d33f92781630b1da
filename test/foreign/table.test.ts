import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PEERS } from './peers.ts';
import { expected, page } from './table.ts';

test('README.md has what the tests of each implementation expect: npm run test:foreign writes it', () => {
  const results = Object.fromEntries(PEERS.map((peer) => [peer.id, expected(peer)]));
  assert.equal(readFileSync(new URL('README.md', import.meta.url), 'utf8'), page(results));
});

test('each implementation has a test file of its own', () => {
  for (const { id } of PEERS) assert.ok(existsSync(new URL(`${id}.test.ts`, import.meta.url)), id);
});
