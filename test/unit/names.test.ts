import assert from 'node:assert/strict';
import { globSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PUBLIC = [
  'ghcr.io',
  'github.com',
  'github.io',
  'gitlab.com',
  'docker.io',
  'quay.io',
  'npmjs.com/package',
];

function textOf(name: string): string {
  return readFileSync(`${ROOT}${name}`, 'utf8');
}

test('nothing names an image or a page that nobody owns, and npm refuses to publish', () => {
  const files = ['config', 'helm', 'src'].flatMap((folder) =>
    readdirSync(`${ROOT}${folder}`, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath}/${entry.name}`.slice(ROOT.length)),
  );
  assert.ok(files.length > 50);
  const named = [...files, 'Dockerfile', 'README.md', 'package.json'].filter((file) =>
    PUBLIC.some((place) => textOf(file).includes(`${place}/lazypirate`)),
  );
  assert.deepEqual(named, []);
  assert.equal(JSON.parse(textOf('package.json')).private, true);
});

test('no two files of src have one name, so that a name alone says which file is meant', () => {
  const files = globSync('src/**/*.ts', { cwd: ROOT });
  assert.ok(files.length > 100);
  const namesakes = Map.groupBy(files, (file) => basename(file));
  const twice = [...namesakes.values()].filter((places) => places.length > 1);
  assert.deepEqual(twice, []);
});
