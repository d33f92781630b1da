import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { EVERYTHING, VARIANTS } from '../support/chart-variants.ts';
import { Charts, helmSkip, openApis, schemaSkip } from '../support/charts.ts';
import { objectsOf } from '../support/objects.ts';
import { lacks } from '../support/tools.ts';

/** `1.34` of `1.34.1`. */
function minorOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}

describe('the versions of Kubernetes that the README names', { skip: schemaSkip }, () => {
  const charts = schemaSkip === false ? new Charts() : (undefined as never);
  const apis = schemaSkip === false ? openApis() : [];

  test('are those that are tested, without a gap', () => {
    const readme = readFileSync(join(charts.library, 'README.md'), 'utf8');
    const [, first = '', last = ''] = /Kubernetes (1[.]\d+) to (1[.]\d+)/.exec(readme) ?? [];
    const from = Number(first.split('.')[1]);
    const all = Array.from(
      { length: Number(last.split('.')[1]) - from + 1 },
      (_, index) => `1.${from + index}`,
    );
    assert.deepEqual(
      apis.map(({ version }) => minorOf(version)),
      all,
    );
  });

  for (const { version, file } of apis)
    test(`Kubernetes ${version} knows every object and every key`, () => {
      const native = Number(version.split('.')[1]) >= 29;
      const all = (native ? [true, false] : [false]).map((isNative) => {
        const values = { ...EVERYTHING, lazypirate: { ...EVERYTHING.lazypirate, native: isNative } };
        const yaml = charts.template(charts.demo, values, `--kube-version=${version}`);
        if (isNative) assert.match(yaml, /restartPolicy: Always/);
        return yaml;
      });
      assert.deepEqual(charts.problems(all.join('\n'), file), []);
    });

  test('before 1.28 did not know native sidecars, which a test with its document sees', () => {
    const [{ file } = { file: '' }] = apis;
    const yaml = charts.template(charts.demo);
    assert.match(
      charts.problems(yaml, file).join('\n'),
      /Deployment demo-app: statusInvalid [\s\S]*restartPolicy/,
    );
  });
});

describe('Helm 3', { skip: helmSkip || lacks('helm3') }, () => {
  const charts = helmSkip === false ? new Charts() : (undefined as never);
  const older = lacks('helm3') === false ? new Charts('helm3') : (undefined as never);
  let own = '';

  before(() => {
    own = older.ownChart().chart;
  });

  test('is 3, and the other one is 4, as the README says', () => {
    const readme = readFileSync(join(charts.library, 'README.md'), 'utf8');
    const minor = (helm: Charts) => /^v(\d+[.]\d+)/.exec(helm.helm('version', '--short'))?.[1] ?? '';
    assert.match(minor(older), /^3/);
    assert.match(minor(charts), /^4/);
    assert.ok(readme.includes(`Helm ${minor(older)} and ${minor(charts)}`));
  });

  test('passes its strict lint', () => {
    for (const chart of [older.library, older.demo, own]) older.helm('lint', '--strict', chart);
  });

  test('builds the library into the chart that its `helm create` has made', () => {
    assert.deepEqual(older.builtInto(own), charts.builtInto(own));
  });

  for (const [title, lazypirate] of Object.entries(VARIANTS))
    test(`${title}: renders the very same`, () => {
      const values = { lazypirate, networkPolicy: { enabled: true } };
      assert.deepEqual(older.render(older.demo, values), charts.render(charts.demo, values));
    });

  test('renders the chart that its `helm create` has made, with the lines of the README, as Helm 4 renders it', () => {
    const yaml = older.template(own);
    assert.deepEqual(objectsOf(yaml), charts.render(own));
    if (schemaSkip === false) assert.deepEqual(older.problems(yaml), []);
  });

  test('refuses what Helm 4 refuses, in words that say where', () => {
    for (const [lazypirate, words] of [
      [
        { config: { routes: [{ name: 'a', listen: 'tcp://127.0.0.1:1', upstream: {}, attempts: 0 }] } },
        /attempts/,
      ],
      [{ image: { digest: 'latest' } }, /digest/],
      [{ networkPolicy: { enabled: true, ingress: null } }, /lazypirate.networkPolicy.ingress is not set/],
    ] as const)
      for (const helm of [older, charts])
        assert.throws(() => helm.template(helm.demo, { lazypirate }), words);
  });
});
