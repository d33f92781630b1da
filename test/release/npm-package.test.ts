import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { build } from '../support/built.ts';
import { Program, type Scope } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';
import { lacks, run } from '../support/tools.ts';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

describe('the npm package', { skip: lacks('npm') }, () => {
  const folder = scratch();
  let packed: { filename: string; name: string; files: { path: string }[] };

  before(() => {
    cpSync(dirname(build()), join(folder, 'dist'), { recursive: true });
    run(process.execPath, ['config/release.ts', 'package', 'Acme/LazyPirate', folder]);
    // Newer versions of npm answer with an object by name.
    const answer = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder, folder]));
    [packed] = Object.values(answer as Record<string, typeof packed>) as [typeof packed];
  });

  /** Runs it as npx does for somebody who has nothing of it. */
  const npx = async (scope: Scope, ...args: string[]) => {
    const elsewhere = join(folder, 'elsewhere');
    mkdirSync(elsewhere);
    const file = join(folder, packed.filename);
    const options = ['exec', '--offline', '--yes', `--prefix=${elsewhere}`, `--package=${file}`, '--'];
    const program = Program.start(scope, 'env', ['-C', elsewhere, 'npm', ...options, 'lazypirate', ...args], {
      PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
      npm_config_cache: join(folder, 'cache'),
    });
    program.child.stdin?.end();
    const { code } = await program.ended;
    assert.equal(code, 0, program.stderr.join('\n'));
    return program.stdout.join('\n');
  };

  test('is named after the owner and the repository, and needs nothing else', () => {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    assert.equal(manifest.name, '@acme/lazypirate');
    assert.equal(manifest.version, version);
    assert.equal(manifest.repository.url, 'git+https://github.com/Acme/LazyPirate.git');
    for (const key of ['private', 'scripts', 'dependencies', 'devDependencies', 'files'])
      assert.equal(key in manifest, false, key);
    const { private: isPrivate } = JSON.parse(readFileSync('package.json', 'utf8'));
    assert.equal(isPrivate, true, 'what is in the repository must never be published as it is');
  });

  test('holds the build, what starts it, and its licences', () => {
    const paths = packed.files.map(({ path }) => path);
    for (const path of ['config/bin.cjs', 'dist/main.cjs', 'dist/LICENSES.txt', 'LICENSE', 'README.md'])
      assert.ok(paths.includes(path), path);
    const odd = paths.filter(
      (path) => !/^(dist|config)\/[^/]+$|^(LICENSE|README\.md|package\.json)$/.test(path),
    );
    assert.deepEqual(odd, []);
  });

  test('runs with npx in an empty folder', async (t) => {
    assert.match(await npx(t, 'demo', '--for', '1s'), /[\d,]+ replies, 0 lost/);
  });
});
