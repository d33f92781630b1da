import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, type TestContext, test } from 'node:test';
import { VARIANTS } from '../support/chart-variants.ts';
import { Charts, helmSkip, restrictedProblems, schemaSkip } from '../support/charts.ts';
import { inThisProcess } from '../support/in-this-process.ts';
import {
  type Container,
  containersOf,
  find,
  type KubernetesObject,
  type PodSpec,
  podOf,
} from '../support/objects.ts';
import { startServe } from '../support/program.ts';
import { RawServer } from '../support/raw-server.ts';

const POD = 'demo-lazypirate-test';

function podIn(objects: readonly KubernetesObject[], kind: string, name: string): PodSpec {
  return podOf(find(objects, kind, name)) as PodSpec;
}

function only({ containers }: PodSpec): Container {
  assert.equal(containers.length, 1);
  return containers[0] as Container;
}

/** Nobody listens there: a port that was free just now. */
async function nobody(t: TestContext): Promise<string> {
  const server = await RawServer.start(t, () => undefined);
  server.close();
  return server.address;
}

describe('the pod of helm test', { skip: helmSkip }, () => {
  const charts = helmSkip === false ? new Charts() : (undefined as never);
  let shop = '';

  before(() => {
    shop = charts.ownChart().chart;
    const readme = readFileSync(join(charts.library, 'README.md'), 'utf8');
    const text = /Add the file `(templates\/tests\/\S+)`[^`]*```yaml\n([\s\S]*?)```/.exec(readme);
    mkdirSync(join(shop, 'templates/tests'), { recursive: true });
    writeFileSync(join(shop, text?.[1] ?? ''), text?.[2] ?? '');
  });

  for (const [title, lazypirate] of Object.entries(VARIANTS))
    test(`${title}: it sees what the sidecar sees`, () => {
      const objects = charts.render(charts.demo, { lazypirate });
      const pod = podIn(objects, 'Pod', POD);
      const app = podIn(objects, 'Deployment', 'demo-app');
      const sidecar = containersOf(app).find(({ name }) => name === 'lazypirate');
      for (const key of ['image', 'imagePullPolicy', 'env', 'resources', 'securityContext', 'volumeMounts'])
        assert.deepEqual(only(pod)[key], sidecar?.[key], key);
      const ours = app.volumes?.filter(({ name }) => pod.volumes?.some((volume) => volume.name === name));
      assert.deepEqual(pod.volumes, ours);
      assert.equal(pod.serviceAccountName, app.serviceAccountName);
      assert.equal(pod.automountServiceAccountToken, false);
    });

  test('runs in a chart of `helm create` with the file of the README', () => {
    charts.helm('lint', '--strict', shop);
    const objects = charts.render(shop);
    const pod = podIn(objects, 'Pod', POD);
    assert.deepEqual(restrictedProblems(pod), []);
    assert.equal(pod['restartPolicy'], 'Never');
    assert.equal(pod.serviceAccountName, podIn(objects, 'Deployment', 'demo-shop').serviceAccountName);
    if (schemaSkip === false) assert.deepEqual(charts.problems(charts.template(shop)), []);
  });

  test('is not part of the release, and no selector of the app selects it', () => {
    const objects = charts.render(shop, {
      lazypirate: { podMonitor: { enabled: true }, networkPolicy: { enabled: true, ingress: [] } },
    });
    const { labels = {}, annotations } = find(objects, 'Pod', POD).metadata;
    assert.equal(annotations?.['helm.sh/hook'], 'test');
    const selectors = objects.flatMap(({ spec }) => {
      const { selector, podSelector } = (spec ?? {}) as Record<string, Record<string, unknown> | undefined>;
      const found = selector ?? podSelector;
      return found === undefined ? [] : [(found['matchLabels'] ?? found) as Record<string, string>];
    });
    assert.equal(selectors.length, 4);
    for (const selector of selectors)
      assert.ok(Object.entries(selector).some(([key, value]) => labels[key] !== value));
  });

  test('succeeds if every endpoint answers, and fails and names the one that does not', async (t) => {
    const { address } = await startServe(t);
    const none = await nobody(t);
    const run = async (...endpoints: string[]) => {
      const config = { routes: [{ name: 'a', listen: 'tcp://127.0.0.1:1', upstream: { endpoints } }] };
      const objects = charts.render(charts.demo, { lazypirate: { config } });
      const { data } = find(objects, 'ConfigMap', 'demo-lazypirate') as unknown as {
        data: Record<string, string>;
      };
      const file = join(charts.directory, 'config.yaml');
      writeFileSync(file, data['config.yaml'] ?? '');
      const { args = [] } = only(podIn(objects, 'Pod', POD));
      return await inThisProcess(...args, '--config', file);
    };
    const good = await run(address);
    assert.equal(good.code, 0, good.stdout.join('\n'));
    const bad = await run(address, none);
    assert.equal(bad.code, 1);
    assert.ok(bad.stdout.some((line) => line.includes('FAILS') && line.includes(none)));
  });

  test('has the labels, annotations and keys that are given, but stays what it is', () => {
    const objects = charts.render(charts.demo, {
      lazypirate: {
        annotations: { owner: 'shop' },
        test: {
          labels: { 'may-ask': 'orders', 'app.kubernetes.io/instance': 'other' },
          annotations: { 'argocd.argoproj.io/hook': 'PostSync' },
          pod: {
            imagePullSecrets: [{ name: 'registry' }],
            securityContext: { fsGroup: 1_000_660_000 },
            restartPolicy: 'Always',
            containers: [],
          },
        },
      },
    });
    const { metadata } = find(objects, 'Pod', POD);
    assert.equal(metadata.labels?.['may-ask'], 'orders');
    assert.equal(metadata.labels?.['app.kubernetes.io/instance'], 'demo');
    assert.deepEqual(metadata.annotations, {
      'argocd.argoproj.io/hook': 'PostSync',
      'helm.sh/hook': 'test',
      'helm.sh/hook-delete-policy': 'before-hook-creation',
      owner: 'shop',
    });
    const pod = podIn(objects, 'Pod', POD);
    assert.deepEqual(pod['imagePullSecrets'], [{ name: 'registry' }]);
    assert.deepEqual(pod.securityContext, { fsGroup: 1_000_660_000 });
    assert.equal(pod['restartPolicy'], 'Never');
    assert.equal(only(pod).name, 'check');
  });

  test('may connect where the demo has a NetworkPolicy around its upstream', () => {
    const objects = charts.render(charts.demo, { networkPolicy: { enabled: true } });
    const { labels = {} } = find(objects, 'Pod', POD).metadata;
    const { ingress } = find(objects, 'NetworkPolicy', 'demo-upstream')['spec'] as {
      ingress: { from: { podSelector: { matchExpressions: { key: string; values: string[] }[] } }[] }[];
    };
    for (const { key, values } of ingress[0]?.from[0]?.podSelector.matchExpressions ?? [])
      assert.ok(values.includes(labels[key] ?? ''), key);
  });
});
