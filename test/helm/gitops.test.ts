import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { EVERYTHING, VARIANTS } from '../support/chart-variants.ts';
import { Charts, helmSkip, IMAGE, schemaSkip } from '../support/charts.ts';
import { kustomize, kustomizeSkip } from '../support/kustomize.ts';
import { type KubernetesObject, objectsOf } from '../support/objects.ts';
import { scratch } from '../support/scratch.ts';

/** Argo CD adds these to `helm template`, with everything that the cluster serves as --api-versions. --is-upgrade is ours. */
const AS_ARGO_CD = [
  '--kube-version=1.34',
  '--include-crds',
  '--api-versions=v1,apps/v1,monitoring.coreos.com/v1',
  '--is-upgrade',
];

/** What a template must not ask, since its answer changes while the values do not, or is another without a cluster. */
const CHANGES =
  /\b(lookup|rand\w+|shuffle|now|date\w*|uuidv4|gen[A-Z]\w+|derivePassword|htpasswd|bcrypt|encryptAES|getHostByName|env|expandenv)\b|[.]Release[.](IsInstall|IsUpgrade|Revision)|[.]Capabilities[.]APIVersions/;

function idOf({ apiVersion, kind, metadata }: KubernetesObject): string {
  return [apiVersion.split('/').at(-2) ?? '', kind, metadata.namespace ?? '', metadata.name].join('/');
}

/** Where a key has no value. */
function nullsIn(value: unknown, path: string): string[] {
  if (value === null) return [path];
  if (typeof value !== 'object') return [];
  return Object.entries(value as object).flatMap(([key, one]) => nullsIn(one, `${path}.${key}`));
}

/** Every action of the templates, without comments and texts. */
function actionsIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /[.](tpl|yaml)$/.test(file))
    .flatMap((file) => [...readFileSync(join(folder, file), 'utf8').matchAll(/{{-? *(?!\/\*)([\s\S]*?)}}/g)])
    .map(([, action = '']) => action.replaceAll(/"(\\.|[^"\\])*"/g, '""'));
}

describe('rendered for GitOps', { skip: helmSkip }, () => {
  const charts = helmSkip === false ? new Charts() : (undefined as never);
  const rendered: Record<string, { chart: string; values: object }> = Object.fromEntries(
    Object.entries(VARIANTS).map(([title, lazypirate]) => [
      title,
      { chart: charts?.demo, values: { lazypirate, networkPolicy: { enabled: true } } },
    ]),
  );

  before(() => {
    const { chart } = charts.ownChart();
    const values = { autoscaling: { enabled: true }, ingress: { enabled: true } };
    rendered['a chart of `helm create`'] = { chart, values };
  });

  for (const title of [...Object.keys(VARIANTS), 'a chart of `helm create`'])
    test(`${title}: Argo CD sees the same each time, with or without a cluster, new or upgraded`, () => {
      const { chart = '', values = {} } = rendered[title] ?? {};
      const once = charts.template(chart, values);
      assert.equal(charts.template(chart, values, ...AS_ARGO_CD), once);
    });

  for (const [title, lazypirate] of Object.entries(VARIANTS))
    test(`${title}: each object is there once, every key has a value, and only helm test has a hook`, () => {
      const objects = charts.render(charts.demo, { lazypirate, networkPolicy: { enabled: true } });
      const ids = objects.map(idOf);
      assert.deepEqual(ids, [...new Set(ids)]);
      assert.deepEqual(
        objects.flatMap((object) => nullsIn(object, idOf(object))),
        [],
      );
      const hooks = objects.flatMap(({ metadata }) => metadata.annotations?.['helm.sh/hook'] ?? []);
      assert.deepEqual(hooks, ['test', 'test']);
    });

  test('no template asks the cluster, the clock or chance', () => {
    for (const chart of [charts.library, charts.demo]) {
      const actions = actionsIn(join(chart, 'templates'));
      assert.ok(actions.length > 20);
      assert.deepEqual(
        actions.filter((action) => CHANGES.test(action)),
        [],
      );
    }
  });

  test('without the schema of the values, which Argo CD can leave out, the templates refuse what cannot serve', () => {
    const lazypirate = { config: { routes: [{ name: 'a', listen: 'tcp://0.0.0.0:1' }] } };
    assert.throws(
      () => charts.template(charts.demo, { lazypirate }, '--skip-schema-validation'),
      /lazypirate.config.routes\[0\].upstream must have exactly one of/,
    );
  });
});

describe('rendered by Flux', { skip: helmSkip }, () => {
  const charts = helmSkip === false ? new Charts() : (undefined as never);
  /** The longest that Flux makes of the names of a namespace and a HelmRelease. */
  const release = `${'a-very-lengthy-target-namespace-with-a-na'.slice(0, 40)}-97af5d7f41f3`;
  const namespace = 'n'.repeat(63);

  /** The demo chart with the digest that Flux appends to the version of a chart from a registry. */
  function fromRegistry(): string {
    const chart = join(charts.directory, 'from-registry');
    cpSync(charts.demo, chart, { recursive: true });
    const text = charts.helm('show', 'chart', chart).replace(/^version: (.*)$/m, 'version: $1+97af5d7f41f3');
    writeFileSync(join(chart, 'Chart.yaml'), text);
    return chart;
  }

  test('names and labels are valid with the longest release name, and a version with a digest', () => {
    assert.equal(release.length, 53);
    const values = join(charts.directory, 'flux.json');
    writeFileSync(values, JSON.stringify(EVERYTHING));
    const image = `--set-string=lazypirate.image.repository=${IMAGE}`;
    const args = ['--namespace', namespace, '--kube-version=1.34.0', '--values', values, image];
    const yaml = charts.helm('template', release, fromRegistry(), ...args);
    const objects = objectsOf(yaml);
    assert.equal(objects.length, 15);
    for (const { kind, metadata } of objects) {
      const most = kind === 'Service' ? 63 : 253;
      assert.ok(metadata.name.length <= most, `${kind} ${metadata.name}`);
      for (const [key, value] of Object.entries(metadata.labels ?? {}))
        assert.match(value, /^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/, `${kind} ${key}`);
    }
    if (schemaSkip === false) assert.deepEqual(charts.problems(yaml), []);
  });

  test('a post-renderer patches the sidecar and the image, and changes nothing else', {
    skip: kustomizeSkip,
  }, () => {
    const folder = scratch();
    const yaml = charts.template(charts.demo);
    writeFileSync(join(folder, 'all.yaml'), yaml);
    const patch = [
      { op: 'add', path: '/spec/template/spec/initContainers/0/resources/limits/cpu', value: '1' },
    ];
    writeFileSync(
      join(folder, 'kustomization.yaml'),
      stringify({
        resources: ['all.yaml'],
        images: [{ name: IMAGE, newName: 'mirror.example.com/lazypirate', newTag: '9' }],
        patches: [{ target: { kind: 'Deployment', name: 'demo-app' }, patch: JSON.stringify(patch) }],
      }),
    );
    const expected = objectsOf(
      yaml.replaceAll(/registry.example.com\/lazypirate:[^"\s]+/g, 'mirror.example.com/lazypirate:9'),
    );
    for (const object of expected) {
      if (idOf(object) !== 'apps/Deployment//demo-app') continue;
      const { initContainers } = (object['spec'] as { template: { spec: { initContainers: never[] } } })
        .template.spec;
      const [{ resources }] = initContainers as unknown as [
        { resources: { limits: Record<string, string> } },
      ];
      resources.limits['cpu'] = '1';
    }
    const sorted = (objects: KubernetesObject[]) =>
      objects.sort((one, other) => (idOf(one) < idOf(other) ? -1 : 1));
    assert.deepEqual(sorted(objectsOf(kustomize(folder))), sorted(expected));
  });
});
