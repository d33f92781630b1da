import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { loadConfig } from '../../src/config/load-config.ts';
import { version } from '../../src/version.ts';
import { Charts, helmSkip, restrictedProblems, schemaSkip } from '../support/charts.ts';
import {
  containersOf,
  find,
  type KubernetesObject,
  objectsOf,
  type PodSpec,
  podOf,
} from '../support/objects.ts';

function podIn(objects: readonly KubernetesObject[]): PodSpec {
  return podOf(find(objects, 'Deployment', 'demo-shop')) as PodSpec;
}

function boundAccount(objects: readonly KubernetesObject[]): string | undefined {
  const subjects = find(objects, 'RoleBinding', 'demo-lazypirate')['subjects'] as { name: string }[];
  return subjects[0]?.name;
}

describe('a chart of `helm create` with the lines of the README', { skip: helmSkip }, () => {
  const charts = helmSkip === false ? new Charts() : (undefined as never);
  let chart = '';
  let diff = '';

  before(() => {
    ({ chart, diff } = charts.ownChart());
  });

  test('has the sidecar, its configuration, and a Role, with 12 lines added', () => {
    const added = diff.split('\n').filter((line) => /^\+(?!\+\+)/.test(line));
    assert.equal(added.length, 12);
    charts.helm('lint', '--strict', chart);
    const objects = charts.render(chart);
    const pod = podIn(objects);
    assert.deepEqual(
      containersOf(pod).map(({ name, restartPolicy }) => [name, restartPolicy]),
      [
        ['lazypirate', 'Always'],
        ['shop', undefined],
      ],
    );
    assert.deepEqual(restrictedProblems({ containers: pod.initContainers ?? [] }), []);
    const { data } = find(objects, 'ConfigMap', 'demo-lazypirate') as unknown as {
      data: Record<string, string>;
    };
    assert.equal(
      loadConfig({ env: {}, flags: {}, text: data['config.yaml'] ?? '' }).routes[0]?.name,
      'orders',
    );
    if (schemaSkip === false) assert.deepEqual(charts.problems(charts.template(chart)), []);
  });

  test('gets the library built into it by Helm', () => {
    assert.deepEqual(charts.builtInto(chart), [`lazypirate-${version}.tgz`]);
  });

  test('binds the Role to the very account that its pods run as, whatever its name', () => {
    for (const serviceAccount of [
      {},
      { name: 'other' },
      { create: false },
      { create: false, name: 'given' },
    ]) {
      const objects = charts.render(chart, { serviceAccount });
      const { serviceAccountName } = podIn(objects);
      assert.ok(serviceAccountName);
      assert.equal(boundAccount(objects), serviceAccountName);
    }
  });

  test('is refused where no account is named, with the line to write', () => {
    const none = () => charts.template(chart, {}, '--set-string=lazypirate.serviceAccountName=');
    assert.throws(none, ({ message }: Error) => {
      assert.match(message, /lazypirate.serviceAccountName is not set/);
      const line = 'serviceAccountName: \'{{ include "shop.serviceAccountName" . }}\'';
      assert.ok(message.includes(line), message);
      return diff.includes(line);
    });
    const odd = () => charts.template(chart, {}, '--set-string=lazypirate.serviceAccountName=Not A Name');
    assert.throws(odd, /"Not A Name" is not the name of a service account/);
  });

  test('needs no account where nothing is discovered, or somebody else makes the Role', () => {
    const routes = [
      { name: 'a', listen: 'tcp://127.0.0.1:1', upstream: { endpoints: ['tcp://10.0.0.1:70'] } },
    ];
    for (const lazypirate of [{ config: { routes } }, { rbac: { create: false } }])
      charts.render(chart, { lazypirate }, '--set-string=lazypirate.serviceAccountName=');
  });

  test('is refused where no image is named', () => {
    const none = () => charts.template(chart, {}, '--set-string=lazypirate.image.repository=');
    assert.throws(none, /lazypirate.image.repository is not set. No image is published/);
  });

  test('says what is missing where a template gets another context, or the dependency has an alias', () => {
    const words =
      /templates of lazypirate find no values below `lazypirate`[\s\S]*`\$` inside `with`[\s\S]*no alias/;
    const name = basename(chart);
    const changed = (file: string, from: string, to: string) => {
      const copy = join(charts.directory, `changed-${name}`);
      rmSync(copy, { recursive: true, force: true });
      cpSync(chart, copy, { recursive: true });
      const text = readFileSync(join(copy, file), 'utf8');
      assert.ok(text.includes(from));
      writeFileSync(join(copy, file), text.replace(from, to));
      return copy;
    };
    const scoped = changed(
      'templates/lazypirate.yaml',
      '"lazypirate.objects" .',
      '"lazypirate.objects" .Values.image',
    );
    assert.throws(() => charts.template(scoped), words);
    const alias = changed('Chart.yaml', 'name: lazypirate,', 'name: lazypirate, alias: sidecar,');
    // The values of the recipe would be there, and not be merged with the defaults.
    writeFileSync(
      join(alias, 'values.yaml'),
      readFileSync(join(alias, 'values.yaml'), 'utf8').replace(/^lazypirate:/m, 'sidecar:'),
    );
    assert.throws(() => charts.helm('template', 'demo', alias), words);
  });

  test('keeps the volumes that it has, below one key', () => {
    const objects = charts.render(chart, { volumes: [{ name: 'own', emptyDir: {} }] });
    const names = podIn(objects).volumes?.map(({ name }) => name);
    assert.deepEqual(names, ['lazypirate-config', 'lazypirate-token', 'own']);
  });

  test('is not taken where a key stands twice', () => {
    const yaml = charts.template(chart).replace(/^( +)volumes:$/m, '$1volumes: []\n$1volumes:');
    assert.throws(() => objectsOf(yaml), /Map keys must be unique/);
  });

  test('is refused with native: false, which needs another template, with the line to write', () => {
    assert.throws(
      () => charts.template(chart, { lazypirate: { native: false } }),
      ({ message }: Error) =>
        message.includes('lazypirate.native is false') &&
        message.includes('{{- include "lazypirate.containers" . | nindent 8 }}'),
    );
  });

  test('is refused for a Kubernetes without native sidecars', () => {
    for (const version of ['1.28.0', '1.28.15-gke.1'])
      assert.throws(
        () => charts.template(chart, {}, `--kube-version=${version}`),
        /Kubernetes v1[.]28[^ ]* has no native sidecars[\s\S]*set lazypirate.native to false/,
      );
    for (const version of ['1.29.0', '1.29.0-eks-1'])
      assert.equal(podIn(charts.render(chart, {}, `--kube-version=${version}`)).initContainers?.length, 1);
  });

  test('selects its pods also where `nameOverride` renames them', () => {
    const objects = charts.render(chart, {
      nameOverride: 'till',
      lazypirate: { podMonitor: { enabled: true } },
    });
    const { spec } = find(objects, 'PodMonitor', 'demo-lazypirate') as unknown as {
      spec: { selector: { matchLabels: Record<string, string> } };
    };
    const deployment = find(objects, 'Deployment', 'demo-till') as unknown as {
      spec: { template: { metadata: { labels: Record<string, string> } } };
    };
    for (const [key, value] of Object.entries(spec.selector.matchLabels))
      assert.equal(deployment.spec.template.metadata.labels[key], value);
  });

  test('with a NetworkPolicy is refused until it is told who may reach the app', () => {
    const enabled = (more: object) => ({ lazypirate: { networkPolicy: { enabled: true, ...more } } });
    assert.throws(
      () => charts.template(chart, enabled({})),
      /lazypirate.networkPolicy.ingress is not set[\s\S]*refuses every connection/,
    );
    const portsWith = (ingress: object[]) => {
      const policy = find(charts.render(chart, enabled({ ingress })), 'NetworkPolicy', 'demo-lazypirate');
      return (policy['spec'] as { ingress: { ports: { port: number }[] }[] }).ingress.flatMap(
        ({ ports }) => ports,
      );
    };
    assert.deepEqual(portsWith([{ ports: [{ port: 80 }] }]), [{ port: 9555 }, { port: 80 }]);
    assert.deepEqual(portsWith([]), [{ port: 9555 }]);
  });

  test('has objects of its own where its parent has a second chart with the sidecar', () => {
    const parent = join(charts.directory, 'parent');
    mkdirSync(join(parent, 'charts'), { recursive: true });
    writeFileSync(
      join(parent, 'Chart.yaml'),
      stringify({ apiVersion: 'v2', name: 'parent', version: '1.0.0' }),
    );
    for (const name of ['shop', 'till']) {
      cpSync(chart, join(parent, 'charts', name), { recursive: true });
      const file = join(parent, 'charts', name, 'Chart.yaml');
      const text = charts.helm('show', 'chart', chart).replace(/^name: shop$/m, `name: ${name}`);
      writeFileSync(file, text);
    }
    const names = objectsOf(charts.helm('template', 'demo', parent, '--kube-version=1.34.0')).flatMap(
      ({ kind, metadata }) => (metadata.name.endsWith('-lazypirate') ? [`${kind} ${metadata.name}`] : []),
    );
    assert.deepEqual(names.sort(), [
      'ConfigMap demo-shop-lazypirate',
      'ConfigMap demo-till-lazypirate',
      'Role demo-shop-lazypirate',
      'Role demo-till-lazypirate',
      'RoleBinding demo-shop-lazypirate',
      'RoleBinding demo-till-lazypirate',
    ]);
  });
});
