import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { namesOf, notesOf, versionsIn } from '../../config/release.ts';
import { scratch } from '../support/scratch.ts';

const FILES = [
  'package.json',
  'package-lock.json',
  'helm/lazypirate/Chart.yaml',
  'helm/lazypirate-demo/Chart.yaml',
];
const CHANGELOG = `# Changelog

## Unreleased

## 1.10.0 - 2026-11-30

### Added

- Ten.

## [1.1.0] - 2026-11-01

- One.

## 1.0.0
`;

/** The files with versions, all with this one. */
function repository(version: string): string {
  const root = scratch();
  const { version: now } = JSON.parse(readFileSync('package.json', 'utf8'));
  for (const chart of ['lazypirate', 'lazypirate-demo'])
    mkdirSync(join(root, 'helm', chart), { recursive: true });
  for (const file of FILES) {
    cpSync(file, join(root, file));
    change(root, file, (text) => text.replaceAll(now, version));
  }
  writeFileSync(join(root, 'CHANGELOG.md'), CHANGELOG);
  return root;
}

function change(root: string, file: string, changed: (text: string) => string): void {
  writeFileSync(join(root, file), changed(readFileSync(join(root, file), 'utf8')));
}

test('a release is named after the repository, in lower case', () => {
  const names = namesOf('v1.10.0', 'Acme/LazyPirate', 'ghcr.io', repository('1.10.0'));
  assert.deepEqual(Object.fromEntries(names), {
    version: '1.10.0',
    image: 'ghcr.io/acme/lazypirate',
    charts: 'ghcr.io/acme/lazypirate/charts',
    package: '@acme/lazypirate',
    prerelease: 'false',
  });
});

test('a tag is refused unless every version in the repository is the same', () => {
  const root = repository('1.10.0');
  assert.equal(versionsIn(root).size, 7);
  assert.throws(() => namesOf('v1.1.0', 'a/b', 'ghcr.io', root), /package\.json has 1\.10\.0/);
  assert.throws(() => namesOf('1.10.0', 'a/b', 'ghcr.io', root), /is not the version of everything/);
  change(root, 'helm/lazypirate/Chart.yaml', (text) =>
    text.replace('appVersion: 1.10.0', 'appVersion: 1.1.0'),
  );
  assert.throws(() => namesOf('v1.10.0', 'a/b', 'ghcr.io', root), {
    message:
      'the tag v1.10.0 is not the version of everything:\n  helm/lazypirate/Chart.yaml: appVersion has 1.1.0',
  });
});

test('a version that the changelog says nothing about is refused', () => {
  assert.throws(() => namesOf('v1.2.0', 'a/b', 'ghcr.io', repository('1.2.0')), /no section "## 1\.2\.0"/);
  assert.throws(() => namesOf('v1.0.0', 'a/b', 'ghcr.io', repository('1.0.0')), /says nothing about 1\.0\.0/);
});

test('the notes of a release are its section of the changelog', () => {
  assert.equal(notesOf('1.10.0', CHANGELOG), '### Added\n\n- Ten.\n');
  assert.equal(notesOf('1.1.0', CHANGELOG), '- One.\n');
});
