import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { test } from 'node:test';
import { inject } from '../../../src/commands/inject.ts';
import { inThisProcess } from '../../support/in-this-process.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';

const POD = (name: string) => `apiVersion: v1
kind: Pod
metadata:
  name: ${name}
spec:
  containers:
    - name: app
`;
const IMAGE = ['--image', 'registry.example.com/lazypirate:0.1.0'];
const UPSTREAM = ['--upstream', 'service/orders:zmq'];

function file(text: string): string {
  const name = join(scratch(), 'app.yaml');
  writeFileSync(name, text);
  return name;
}

test('inject writes YAML to standard output, and what it did to standard error', async () => {
  const name = file(POD('shop'));
  const { code, stdout, stderr } = await inThisProcess('inject', ...IMAGE, ...UPSTREAM, name);
  assert.equal(code, 0);
  assert.deepEqual(stderr, [
    'Pod/shop: sidecar added',
    'added: ConfigMap/shop-lazypirate, Role/shop-lazypirate, RoleBinding/shop-lazypirate',
  ]);
  writeFileSync(name, `${stdout.join('\n')}\n`);
  const again = await inThisProcess('inject', '--remove', name);
  assert.deepEqual([again.code, `${again.stdout.join('\n')}\n`], [0, POD('shop')]);
});

test('inject writes nothing to standard output if anything cannot be done', async () => {
  const name = file(`${POD('shop')}  hostNetwork: true\n`);
  const { code, stdout, stderr } = await inThisProcess('inject', ...IMAGE, ...UPSTREAM, name);
  assert.deepEqual([code, stdout], [2, []]);
  assert.match(stderr.join('\n'), new RegExp(`^lazypirate: ${name}:8: Pod/shop: hostNetwork puts`));
});

test('inject takes --only several times', async () => {
  const name = file(['a', 'b', 'c'].map(POD).join('---\n'));
  const { stderr } = await inThisProcess(
    'inject',
    ...IMAGE,
    ...UPSTREAM,
    '--only',
    'pod/a',
    '--only=po/c',
    name,
  );
  assert.deepEqual(stderr.slice(0, 2), ['Pod/a: sidecar added', 'Pod/c: sidecar added']);
});

for (const [args, words] of [
  [[], /no file is named; - is standard input/],
  [['nowhere.yaml'], /nowhere.yaml: cannot be read: no such file/],
  [
    ['--kubernetes', '1.28', '-'],
    /--kubernetes 1.28: it has no native sidecars, which come with 1.29: add --no-native/,
  ],
  [['--kubernetes', 'v1.26.3', '--no-native', '-'], /--kubernetes v1.26.3: lazypirate needs Kubernetes 1.27/],
  [['--kubernetes', 'new', '-'], /--kubernetes: new is not a version: write 1.34/],
  [['--remove', ...IMAGE, '-'], /--image has no meaning with --remove/],
  [['--remove', '--no-native', '-'], /--no-native has no meaning with --remove/],
  [[...IMAGE, ...IMAGE, '-'], /--image is given twice/],
  [['--upstreams', 'x', '-'], /unknown option --upstreams; did you mean --upstream\?/],
] as const)
  test(`inject ${args.join(' ')} is refused with words`, async () => {
    const { code, stdout, stderr } = await inThisProcess('inject', ...args);
    assert.deepEqual([code, stdout], [2, []]);
    assert.match(stderr.join('\n'), words);
  });

for (const args of [
  ['--kubernetes', '1.28.15-gke.1', '--no-native'],
  ['--kubernetes', 'v1.29.0'],
  ['--kubernetes', '2.0'],
])
  test(`inject ${args.join(' ')} is taken`, async () => {
    const { code } = await inThisProcess('inject', ...args, ...IMAGE, ...UPSTREAM, file(POD('shop')));
    assert.equal(code, 0);
  });

/** A terminal with that standard input. */
function terminal(stdin: PassThrough, interrupted: AbortSignal) {
  const out: Record<'stdout' | 'stderr', string> = { stdout: '', stderr: '' };
  const writer = (key: keyof typeof out) =>
    new Writable({
      write(chunk, _, done) {
        out[key] += chunk;
        done();
      },
    });
  const nothing = () => undefined;
  const streams = { stdin, stdout: writer('stdout'), stderr: writer('stderr') };
  const hooks = { onHangup: nothing, onUserSignal: nothing, onExit: nothing, endWithin: nothing };
  return { out, terminal: { env: {}, ...streams, interrupted, ...hooks, node: '', self: [''] as [string] } };
}

test('inject - reads standard input, in pieces that end anywhere, and calls it stdin', async () => {
  const stdin = new PassThrough();
  const bytes = Buffer.from(`${POD('shop')}# \u00e4\n  hostNetwork: true\n`);
  for (const byte of bytes) stdin.write(Buffer.of(byte));
  stdin.end();
  const { terminal: one, out } = terminal(stdin, new AbortController().signal);
  await assert.rejects(inject.run([...IMAGE, ...UPSTREAM, '-'], one), /stdin:9: Pod\/shop: hostNetwork/);
  assert.equal(out.stdout, '');
});

test('inject - of a terminal says how to end it, and may be interrupted', async () => {
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  const interrupt = new AbortController();
  const { terminal: one, out } = terminal(stdin, interrupt.signal);
  const running = inject.run(['-'], one);
  await until('the hint', () => out.stderr.includes('Ctrl-D'));
  interrupt.abort();
  await assert.rejects(running, /interrupted; nothing was written/);
});
