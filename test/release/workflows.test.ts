import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';

interface Job {
  permissions?: Record<string, string>;
  steps?: { uses?: string; run?: string }[];
}

const FILES = globSync('.github/workflows/*.yml').sort();

describe('workflows', () => {
  test('use each action at a commit, with its version beside it, and the same one everywhere', () => {
    const commits = new Map<string, string>();
    for (const file of FILES)
      for (const [line, action = ''] of readFileSync(file, 'utf8').matchAll(/^.*\buses: ([^\s@]+).*$/gm)) {
        if (action.startsWith('./')) continue;
        assert.match(line, /@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, `${file}: ${line}`);
        const at = line.slice(line.indexOf('@'));
        assert.equal(commits.get(action) ?? at, at, `${file}: ${action}`);
        commits.set(action, at);
      }
    assert.ok(commits.size >= 10);
  });

  test('have no rights unless they say so', () => {
    for (const file of FILES) {
      const { permissions } = parse(readFileSync(file, 'utf8')) as Job;
      const granted = Object.entries(permissions ?? { everything: 'write' });
      assert.deepEqual(
        granted.filter(([name, right]) => name !== 'contents' || right !== 'read'),
        [],
        file,
      );
    }
  });

  test('of CI cache what .ci/run builds until a script that builds it changes', () => {
    const scripts = [...readFileSync('.ci/run', 'utf8').matchAll(/\$\((\.ci\/\S+) "\$cache"\)/g)];
    const key = /^ *key: tools-.*$/m.exec(readFileSync('.github/workflows/ci.yml', 'utf8'))?.[0] ?? '';
    assert.ok(scripts.length >= 3);
    for (const [, script] of scripts) assert.ok(key.includes(`'${script}'`), `${script} is not in the key`);
  });

  test('of a release can push and sign only where no package is installed and nothing of the repository is built by npm', () => {
    const { jobs } = parse(readFileSync('.github/workflows/release.yml', 'utf8')) as {
      jobs: Record<string, Job>;
    };
    const mighty = Object.entries(jobs).filter(([, { permissions }]) =>
      Object.values(permissions ?? {}).includes('write'),
    );
    assert.deepEqual(mighty.map(([name]) => name).sort(), ['charts', 'image', 'notes', 'npm']);
    for (const [name, { steps = [] }] of mighty)
      for (const { run = '' } of steps)
        assert.doesNotMatch(run, /\bnpm (ci|i|install|run|exec|test)\b|\bnode\b/, name);
    for (const [name, { permissions }] of Object.entries(jobs)) assert.ok(permissions !== undefined, name);
  });

  test('of a release take every name from the repository', () => {
    const text = readFileSync('.github/workflows/release.yml', 'utf8');
    assert.equal(text.match(/ghcr\.io/g)?.length, 1);
    assert.match(text, /release\.ts names "\$GITHUB_REF_NAME" "\$GITHUB_REPOSITORY" "\$REGISTRY"/);
  });
});

/** Files that name dependencies, and what Dependabot calls their kind. */
const ECOSYSTEMS = {
  'package.json': 'npm',
  'requirements.txt': 'pip',
  'go.mod': 'gomod',
  'Cargo.toml': 'cargo',
  'pom.xml': 'maven',
  Dockerfile: 'docker',
};

test('Dependabot looks after the dependencies of this repository, of its workflows and of each example', () => {
  const { updates } = parse(readFileSync('.github/dependabot.yml', 'utf8')) as {
    updates: { 'package-ecosystem': string; directory: string }[];
  };
  const found = Object.entries(ECOSYSTEMS).flatMap(([name, ecosystem]) =>
    globSync([name, `config/examples/*/${name}`]).map((file) => `${ecosystem} ${join('/', dirname(file))}`),
  );
  assert.deepEqual(
    updates.map((one) => `${one['package-ecosystem']} ${one.directory}`).sort(),
    ['github-actions /', ...found].sort(),
  );
});

test('every base image has a digest, the same for each of its stages, beside the tag by which Dependabot renews it', () => {
  const bases = [...readFileSync('Dockerfile', 'utf8').matchAll(/^FROM (?:--\S+ )?(\S+)/gm)].map(
    ([, image = '']) => image,
  );
  assert.ok(bases.length >= 3);
  for (const image of bases) assert.match(image, /^[a-z0-9./-]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}$/);
  const names = new Set(bases.map((image) => image.split('@')[0]));
  assert.equal(new Set(bases).size, names.size, bases.join('\n'));
});
