import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseAllDocuments, stringify } from 'yaml';
import { ConfigError } from '../../../src/errors.ts';
import { addSidecars, removeSidecars } from '../../../src/inject/sidecars.ts';
import { addedLines, IMAGE, removed, run } from './injected.ts';

/* Whatever the input is: nothing is lost, a second time changes nothing, and what was added can be taken out again. */

/** A few thousand have been run as well. */
const RUNS = Number(process.env['LAZYPIRATE_RUNS'] ?? 40);

const TEMPLATES: Record<string, string[]> = {
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
  Pod: [],
};
const GROUPS: Record<string, string> = { Job: 'batch/v1', CronJob: 'batch/v1', Pod: 'v1' };
const UPSTREAMS = ['service/a:1', 'service/other/a:zmq', 'dns/a:1', 'tcp://10.0.0.1:7000'];
const LISTENERS = ['tcp://127.0.0.1:5555', 'ipc:///run/lazypirate/a.sock', 'ipc://@a'];

const text = fc.constantFrom(
  'x',
  'yes',
  '7',
  '# no comment',
  'a: b',
  '',
  ' ',
  '- c',
  'two\nlines',
  '---',
  '{{ x }}',
  "it's",
);
const leaf = fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null), fc.constant([]), fc.constant({}));
const extra = fc.dictionary(fc.constantFrom('a', 'b', 'on', '1', 'x.y/z'), fc.oneof(leaf, fc.array(leaf)), {
  maxKeys: 3,
});
const list = (name: string) =>
  fc.option(
    fc.array(
      extra.map((one) => ({ name, ...one })),
      { maxLength: 2 },
    ),
    { nil: undefined },
  );

interface Shape {
  kind: string;
  name: string;
  annotations: object | undefined;
  spec: object;
  more: object;
  style: { indentSeq: boolean; indent: number; flow: number | undefined };
}

const shape: fc.Arbitrary<Shape> = fc.record({
  kind: fc.constantFrom(...Object.keys(TEMPLATES)),
  name: fc.constantFrom('a', 'b', 'c'),
  annotations: fc.option(
    fc
      .record({ upstream: fc.constantFrom(...UPSTREAMS), listen: fc.constantFrom(...LISTENERS), extra })
      .map((one) => ({
        ...one.extra,
        'lazypirate/upstream': one.upstream,
        'lazypirate/listen': one.listen,
      })),
    { nil: undefined },
  ),
  spec: fc
    .record({ initContainers: list('first'), volumes: list('data'), mounts: list('data'), extra })
    .map(({ mounts, extra: more, ...lists }) => ({
      ...more,
      ...lists,
      containers: [{ name: 'app', image: 'x', ...(mounts && { volumeMounts: mounts }) }],
    })),
  more: extra,
  style: fc.record({
    indentSeq: fc.boolean(),
    indent: fc.constantFrom(2, 4),
    flow: fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined }),
  }),
});

/** An object as a text in some style. */
function write({ kind, name, annotations, spec, more, style }: Shape): string {
  const pod = { metadata: { ...more, ...(annotations && { annotations }) }, spec };
  const metadata = { name, namespace: 'shop' };
  const path = TEMPLATES[kind] ?? [];
  const inner = path.reduceRight<object>((value, key) => ({ [key]: value }), pod);
  const own =
    kind === 'Pod' ? { ...pod, metadata: { ...pod.metadata, ...metadata } } : { ...more, metadata, ...inner };
  const value = { apiVersion: GROUPS[kind] ?? 'apps/v1', kind, ...own };
  if (style.flow === 0) return `${JSON.stringify(value, null, style.indent)}\n`;
  return stringify(value, { lineWidth: 0, indentSeq: style.indentSeq, indent: style.indent });
}

const stream = fc
  .record({
    shapes: fc.array(shape, { minLength: 1, maxLength: 4 }),
    between: fc.constantFrom(
      '---\n',
      '---\n# about the next one\n\n',
      '# end\n---\n',
      '---\n---\n',
      '...\n---\n',
      '--- # next\n',
    ),
    start: fc.constantFrom('', '---\n', '# licence\n\n', '# licence\n---\n', '\uFEFF'),
    ends: fc.constantFrom('\n', '\r\n'),
    isOpen: fc.boolean(),
  })
  .map(({ shapes, between, start, ends, isOpen }) => {
    const joined = start + shapes.map(write).join(between);
    return (isOpen ? joined.trimEnd() : joined).replaceAll('\n', ends);
  });

/** @returns `undefined` if it was refused, with words */
function orRefused<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error instanceof Error ? error.stack : error));
    for (const line of error.lines) assert.match(line, /^app.yaml:\d+: |^--only |^and \d+ more/);
    return undefined;
  }
}

function plain(yaml: string): unknown[] {
  return parseAllDocuments(yaml, { uniqueKeys: false, logLevel: 'silent' }).map((document) =>
    document.toJS(),
  );
}

function check(before: string, options: Parameters<typeof run>[1]): boolean {
  const after = orRefused(() => run(before, options).text);
  if (after === undefined) return false;
  assert.equal(removed(after), before, 'all of it comes out again');
  assert.equal(run(after, options).text, after, 'twice is as once');
  return true;
}

const OPTIONS = fc.constantFrom(
  { isNative: true },
  { isNative: false },
  { flags: { upstream: 'service/all:1' } },
  { flags: { upstream: 'dns/all:1', listen: 'ipc:///run/lazypirate/x.sock' }, only: ['Deployment/a'] },
);

test('any object with pods in any style gets the sidecar, or is refused with its line', () => {
  let done = 0;
  fc.assert(
    fc.property(stream, OPTIONS, (before, options) => {
      if (check(before, options)) done++;
    }),
    { numRuns: RUNS },
  );
  assert.ok(done > RUNS / 20, `${done} of ${RUNS} were not refused`);
});

test('in block style only lines are added, and every other document means what it meant', () => {
  const blocks = fc.array(
    shape.map((one) => ({ ...one, style: { ...one.style, flow: undefined } })),
    { minLength: 1, maxLength: 3 },
  );
  let done = 0;
  fc.assert(
    fc.property(blocks, (shapes) => {
      const before = shapes.map(write).join('---\n');
      const after = orRefused(() => run(before).text);
      if (after === undefined) return;
      done++;
      // An empty list or map in its place is the one thing that is changed.
      if (!/(Containers|volumes|volumeMounts|annotations): (\[\]|\{\})/.test(before))
        addedLines(before, after);
      const [were, are] = [plain(before), plain(after)];
      const rest = are.filter((one) => !JSON.stringify(one).includes('lazypirate-inject'));
      assert.equal(rest.length, were.length);
      for (const [index, one] of rest.entries())
        if (!JSON.stringify(were[index]).includes('lazypirate/')) assert.deepEqual(one, were[index]);
    }),
    { numRuns: RUNS },
  );
  assert.ok(done > RUNS / 8, `${done} of ${RUNS} were not refused`);
});

const WORDS = [
  '- ',
  '---\n',
  '...\n',
  '  ',
  '\t',
  '#',
  ': ',
  '&a ',
  '*a',
  '<<: *a\n',
  '|',
  '>',
  '"',
  "'",
  '[',
  ']',
  '{',
  '}',
  ',',
  '\n',
  '\r',
  '!!str ',
  '? ',
  '%YAML 1.2\n',
  '\uFEFF',
  'null',
  'lazypirate',
  '\u2028',
  '- &a\n',
];

test('a text that is damaged anywhere is refused with words, or can be had back', () => {
  const damage = fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      cut: fc.nat(12),
      word: fc.constantFrom('', ...WORDS),
    }),
    { minLength: 1, maxLength: 4 },
  );
  let done = 0;
  fc.assert(
    fc.property(stream, damage, OPTIONS, (good, changes, { isNative = true }) => {
      let bad = good;
      for (const { at, cut, word } of changes) {
        const index = Math.floor(at * bad.length);
        bad = bad.slice(0, index) + word + bad.slice(index + cut);
      }
      if (check(bad, { isNative })) done++;
    }),
    { numRuns: RUNS },
  );
  assert.ok(done > RUNS / 40, `${done} of ${RUNS} were not refused`);
});

test('a text that has a sidecar and is damaged is refused with words, or comes out without it', () => {
  fc.assert(
    fc.property(
      stream,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.constantFrom('', ...WORDS),
      fc.nat(30),
      (good, at, word, cut) => {
        const before = orRefused(() => run(good).text) ?? good;
        const index = Math.floor(at * before.length);
        const bad = before.slice(0, index) + word + before.slice(index + cut);
        const once = orRefused(() => removed(bad));
        if (once !== undefined) assert.equal(removed(once), once);
        const again = orRefused(() => run(bad).text);
        if (again !== undefined) assert.equal(run(again).text, again);
      },
    ),
    { numRuns: RUNS },
  );
});

test('any text at all is passed through, or refused with words', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc
          .array(fc.constantFrom(...WORDS, 'kind: Pod\n', 'apiVersion: v1\n', 'spec:\n'))
          .map((all) => all.join('')),
      ),
      (any) => {
        const files = [{ name: 'app.yaml', text: any }];
        const flags = { image: IMAGE, upstream: 'service/a:1' };
        orRefused(() => addSidecars(files, { flags, only: [], isNative: true }));
        orRefused(() => removeSidecars(files, []));
      },
    ),
    { numRuns: 10 * RUNS },
  );
});
