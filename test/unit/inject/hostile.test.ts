import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ConfigError } from '../../../src/errors.ts';
import { addSidecars, removeSidecars } from '../../../src/inject/sidecars.ts';
import { inThisProcess } from '../../support/in-this-process.ts';
import { scratch } from '../../support/scratch.ts';
import { workOf } from '../../support/work.ts';
import { IMAGE, injected } from './injected.ts';

const POD = `apiVersion: v1
kind: Pod
metadata:
  name: shop
  annotations:
    lazypirate/upstream: service/orders:zmq
spec:
  containers:
    - name: app
`;
/** Objects that need the same ConfigMap, which stands in one document with them and with much else. */
function sharing(pods: number, others: number): string {
  const pod = (index: number) => `- apiVersion: v1
  kind: Pod
  metadata:
    name: p${index}
    annotations:
      lazypirate/config: mine
  spec:
    containers:
      - name: app
`;
  return `apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: { name: mine }
  data:
    config.yaml: |
      routes: [{ name: a, listen: "tcp://127.0.0.1:1", upstream: { kubernetes: { service: a, port: 1 } } }]
${'- kind: X\n'.repeat(others)}${Array.from({ length: pods }, (_, index) => pod(index)).join('')}`;
}

const BOMB = `a: &a [x]\nb: &b [${'*a,'.repeat(9)}*a]\n${[...'cdefghij'].map((name, index) => `${name}: &${name} [${`*${'bcdefghi'[index]},`.repeat(9)}x]`).join('\n')}\n`;

/** Calls and blocks of code: twice what the worst of these takes, and far less than what has no bound. */
const WORK_MOST = 20_000_000;

const HOSTILE: Record<string, [text: string, words: RegExp | undefined]> = {
  'an alias bomb': [POD + BOMB, /[Aa]lias/],
  'an alias in what it stands for': [`${POD}    - &a [*a]\n`, undefined],
  'deep nesting': [`${POD}x: ${'['.repeat(30_000)}`, /is not YAML/],
  'deep nesting in block style': [
    `${POD}${Array.from({ length: 1_000 }, (_, i) => `${' '.repeat(i)}x:`).join('\n')}`,
    undefined,
  ],
  'many errors of syntax': [`${POD}@${'@: %\n'.repeat(8_000)}`, /is not YAML/],
  'many keys twice': [`${POD}x: {${'a,'.repeat(8_000)}}`, undefined],
  'many anchors and aliases': [
    POD +
      Array.from({ length: 200 }, (_, i) => `k${i}: &k${i} [1]\nl${i}: [${`*k${i},`.repeat(20)}]\n`).join(''),
    /has too many aliases \(4000\) for its size/,
  ],
  'many objects of a List': [
    `apiVersion: v1\nkind: List\nitems: [${Array.from({ length: 3_000 }, (_, i) => `{apiVersion: v1, kind: Pod, metadata: {name: p${i}, annotations: {lazypirate/x: y}}},`).join('')}]`,
    /and \d+ more problems/,
  ],
  'a List in which many objects share a ConfigMap': [sharing(20, 2_000), undefined],
  'many documents': ['---\nkind: lazypirate/x\n'.repeat(5_000), undefined],
  'a prototype': [`${POD}__proto__: { isAdmin: true }\n`, undefined],
};

for (const [title, [text, words]] of Object.entries(HOSTILE))
  test(`${title}: comes out as it was or is refused with words, and without much work`, () => {
    const files = [{ name: 'app.yaml', text }];
    let error: unknown;
    const work = workOf(() => {
      try {
        const after = addSidecars(files, { flags: { image: IMAGE }, only: [], isNative: true }).text;
        assert.equal(removeSidecars([{ name: 'app.yaml', text: after }], []).text, text);
      } catch (thrown) {
        error = thrown;
      }
    });
    if (error !== undefined && !(error instanceof ConfigError)) throw error;
    if (words !== undefined) assert.match(String(error), words);
    assert.ok(work < WORK_MOST, `${work} calls and blocks`);
    assert.equal(({} as { isAdmin?: boolean }).isAdmin, undefined);
  });

test('a document of 5 MiB is refused if it asks for a sidecar, and passed through if it does not', () => {
  const large = `# ${'x'.repeat(5 * 1024 * 1024)}\n`;
  const options = { flags: { image: IMAGE }, only: [], isNative: true };
  assert.throws(
    () => addSidecars([{ name: 'app.yaml', text: POD + large }], options),
    /app.yaml:1: the document has more than 4 MiB: split it/,
  );
  const text = `${POD}---\n${large}kind: X\n`;
  assert.ok(injected(text).endsWith(`${large}kind: X\n`));
});

test('a file of 17 MB is refused, and so is one that is not UTF-8', async () => {
  const file = join(scratch(), 'app.yaml');
  writeFileSync(file, 'x'.repeat(17_000_000));
  assert.deepEqual((await inThisProcess('inject', file)).stderr, [
    `lazypirate: ${file}: cannot be read: it has more than 16777216 bytes`,
  ]);
  writeFileSync(file, Buffer.from([0x23, 0xff]));
  assert.deepEqual((await inThisProcess('inject', file)).stderr, [
    `lazypirate: ${file}: cannot be read: it is not UTF-8`,
  ]);
});
