import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { IN_THE_ADDON, VCPKG_COMMIT } from '../../config/contents/in-the-addon.ts';
import { type Part, partsOf, problemsOf } from '../../config/contents/parts.ts';
import { build } from '../support/built.ts';

const ZOD = join(process.cwd(), 'node_modules/zod');
const GOOD: Part = {
  name: 'good',
  version: '1.0.0',
  license: 'MIT',
  text: 'MIT License',
  purl: 'pkg:npm/good@1.0.0',
};

test('a part is shipped only with a licence on the list, and with its text', () => {
  assert.deepEqual(problemsOf([GOOD, { ...GOOD, license: 'MIT AND MPL-2.0' }]), []);
  assert.deepEqual(problemsOf([{ ...GOOD, license: 'MIT AND GPL-3.0' }]), [
    'good 1.0.0 has the licence GPL-3.0, which is not on the list',
  ]);
  assert.deepEqual(problemsOf([{ ...GOOD, license: 'undefined', text: '' }]), [
    'good 1.0.0 has the licence undefined, which is not on the list',
    'good 1.0.0 comes without the text of its licence',
  ]);
});

test('each package that a module is from is a part once, with the texts in its folders', () => {
  const parts = partsOf([join(ZOD, 'v4/index.js'), join(ZOD, 'v4/core/core.js'), 'src/main.ts', '\0runtime']);
  const zod = parts.filter(({ name }) => name === 'zod');
  assert.equal(zod.length, 1);
  assert.match(zod[0]?.text ?? '', /MIT License/);
  for (const one of IN_THE_ADDON) assert.ok(parts.includes(one), one.name);
  const [undici] = partsOf([join(process.cwd(), 'node_modules/undici/index.js')]).filter(
    ({ name }) => name === 'undici',
  );
  assert.match(
    undici?.text ?? '',
    /Ethan Arrowood/,
    'the text beside a part of the package that is from elsewhere',
  );
});

test('what is said to be in the addon is what the installed zeromq was built with', () => {
  for (const file of ['vcpkg.json', 'CMakeLists.txt'])
    assert.ok(readFileSync(`node_modules/zeromq/${file}`, 'utf8').includes(VCPKG_COMMIT), file);
});

test('the notice and the inventory name the same parts', () => {
  const folder = dirname(build());
  const notice = readFileSync(join(folder, 'LICENSES.txt'), 'utf8');
  const { components, bomFormat } = JSON.parse(readFileSync(join(folder, 'lazypirate.cdx.json'), 'utf8'));
  assert.equal(bomFormat, 'CycloneDX');
  const named = [...notice.matchAll(/^ {2}(\S+) (\S+): .+$/gm)].map(
    ([, name, version]) => `${name} ${version}`,
  );
  assert.deepEqual(
    components.map((one: Part) => `${one.name} ${one.version}`),
    named,
  );
  for (const name of ['zod', 'undici', '@kubernetes/client-node', 'zeromq', 'libzmq', 'libsodium', 'sha1'])
    assert.ok(
      named.some((one) => one.startsWith(`${name} `)),
      name,
    );
});
