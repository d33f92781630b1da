import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { loadConfig } from '../../src/config/load-config.ts';
import { version } from '../../src/version.ts';
import { FIXED, PODS, SERVICE, VARIANTS } from '../support/chart-variants.ts';
import { Charts, helmSkip, IMAGE, restrictedProblems, schemaSkip } from '../support/charts.ts';
import {
  type Container,
  containersOf,
  find,
  type KubernetesObject,
  objectsOf,
  type PodSpec,
  podOf,
} from '../support/objects.ts';
import { rulesFor } from '../support/roles.ts';

function podsOf(objects: readonly KubernetesObject[]): PodSpec[] {
  return objects.flatMap((object) => podOf(object) ?? []);
}

function deploymentPod(objects: readonly KubernetesObject[], name = 'demo-app'): PodSpec {
  return podOf(find(objects, 'Deployment', name)) as PodSpec;
}

function container(pod: PodSpec, name: string): Container {
  const found = containersOf(pod).find((one) => one.name === name);
  assert.ok(found, `no container ${name}`);
  return found;
}

function mountsOf({ volumeMounts = [] }: Container): string[] {
  return volumeMounts.map(({ mountPath }) => mountPath);
}

function configOf(objects: readonly KubernetesObject[], name = 'demo-lazypirate'): string {
  return (find(objects, 'ConfigMap', name)['data'] as Record<string, string>)['config.yaml'] ?? '';
}

const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount';

describe('the charts', { skip: helmSkip }, () => {
  const charts = helmSkip === false ? new Charts() : (undefined as never);

  test('pass the strict lint of Helm', () => {
    for (const chart of [charts.library, charts.demo]) charts.helm('lint', '--strict', chart);
  });

  test('have the version of the package', () => {
    for (const chart of [charts.library, charts.demo]) {
      const text = charts.helm('show', 'chart', chart);
      assert.match(text, new RegExp(`^version: ${version.replaceAll('.', '[.]')}$`, 'm'));
      assert.match(text, new RegExp(`^appVersion: ${version.replaceAll('.', '[.]')}$`, 'm'));
    }
  });

  for (const [title, lazypirate] of Object.entries(VARIANTS)) {
    const values = { lazypirate, networkPolicy: { enabled: title.includes('NetworkPolicy') } };

    test(`${title}: every pod is restricted, and the sidecar can read its configuration`, () => {
      const objects = charts.render(charts.demo, values);
      const pods = podsOf(objects);
      assert.equal(pods.length, 4);
      for (const pod of pods) assert.deepEqual(restrictedProblems(pod), []);
      assert.ok(loadConfig({ env: {}, flags: {}, text: configOf(objects) }).routes.length > 0);
    });

    test(`${title}: every object is one that Kubernetes knows`, { skip: schemaSkip }, () => {
      assert.deepEqual(charts.problems(charts.template(charts.demo, values)), []);
    });
  }

  test('by default there is the demo, its configuration and its Role, and nothing else', () => {
    const kinds = charts.render(charts.demo).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    assert.deepEqual(kinds.sort(), [
      'ConfigMap demo-app',
      'ConfigMap demo-lazypirate',
      'Deployment demo-app',
      'Deployment demo-upstream',
      'Pod demo-lazypirate-test',
      'Pod demo-test',
      'Role demo-lazypirate',
      'RoleBinding demo-lazypirate',
      'Service demo-upstream',
      'ServiceAccount demo-app',
    ]);
  });

  test('the sidecar is a native one, and with native: false an ordinary one', () => {
    const native = deploymentPod(charts.render(charts.demo));
    assert.deepEqual(
      native.initContainers?.map(({ name, restartPolicy }) => [name, restartPolicy]),
      [['lazypirate', 'Always']],
    );
    assert.deepEqual(
      native.containers.map(({ name }) => name),
      ['app'],
    );
    const ordinary = deploymentPod(charts.render(charts.demo, { lazypirate: { native: false } }));
    assert.equal(ordinary.initContainers, undefined);
    assert.deepEqual(
      ordinary.containers.map(({ name }) => name),
      ['app', 'lazypirate'],
    );
    assert.equal(ordinary.containers[1]?.restartPolicy, undefined);
  });

  test('a label that is given as well as set by the chart is there once', () => {
    const marked = { 'app.kubernetes.io/name': 'other', team: 'shop' };
    const objects = charts.render(charts.demo, {
      podLabels: marked,
      lazypirate: { labels: marked, podMonitor: { enabled: true, labels: marked } },
    });
    const { template } = find(objects, 'Deployment', 'demo-app')['spec'] as {
      template: { metadata: { labels: Record<string, string> } };
    };
    const names = [template, find(objects, 'PodMonitor', 'demo-lazypirate')].map(({ metadata }) => [
      metadata.labels?.['app.kubernetes.io/name'],
      metadata.labels?.['team'],
    ]);
    assert.deepEqual(names, [
      ['lazypirate-demo', 'shop'],
      ['lazypirate', 'shop'],
    ]);
  });

  test('a release or a namespace whose name is a number is a text in every object', {
    skip: schemaSkip,
  }, () => {
    const set = `lazypirate.podMonitor.enabled=true,networkPolicy.enabled=true,lazypirate.image.repository=${IMAGE}`;
    const yaml = charts.helm(
      'template',
      '42',
      charts.demo,
      '--namespace=7',
      '--kube-version=1.34.0',
      `--set=${set}`,
    );
    assert.deepEqual(charts.problems(yaml), []);
    assert.deepEqual(find(objectsOf(yaml), 'RoleBinding', '42-lazypirate').metadata.namespace, '7');
  });

  test('the notes of the demo kill one pod, since nobody answers where all are killed, and say what a NetworkPolicy refuses', (t) => {
    if (/^v3/.test(charts.helm('version', '--short')))
      return t.skip('Helm 3 shows notes only with a cluster');
    const args = [charts.demo, '--dry-run=client', `--set=lazypirate.image.repository=${IMAGE}`];
    const notes = (...more: string[]) => charts.helm('install', 'demo', ...args, ...more);
    assert.doesNotMatch(notes(), /networkPolicy/);
    assert.match(notes(), /kubectl delete .* \$\(kubectl get pod .*-upstream.* \| head -n 1\)\n/);
    assert.match(
      notes('--set=lazypirate.networkPolicy.enabled=true'),
      /Every other connection to it is refused/,
    );
  });

  test('the token is in the sidecar alone, and only where a route asks the API', () => {
    const pod = deploymentPod(charts.render(charts.demo));
    assert.equal(pod.automountServiceAccountToken, false);
    assert.ok(mountsOf(container(pod, 'lazypirate')).includes(TOKEN));
    assert.ok(!mountsOf(container(pod, 'app')).includes(TOKEN));

    const fixed = charts.render(charts.demo, { lazypirate: { config: { routes: [FIXED] } } });
    const sidecar = container(deploymentPod(fixed), 'lazypirate');
    assert.ok(!mountsOf(sidecar).includes(TOKEN));
    assert.deepEqual(
      sidecar.env?.map(({ name }) => name),
      ['LAZYPIRATE_CONFIG', 'POD_NAME', 'POD_NAMESPACE'],
    );
    assert.ok(!JSON.stringify(deploymentPod(fixed).volumes).includes('serviceAccountToken'));
    assert.ok(fixed.every(({ kind }) => !kind.startsWith('Role')));
  });

  test('the Role is the least that is documented, in the namespace that is asked', () => {
    const rulesWith = (routes: object[], name: string) =>
      find(charts.render(charts.demo, { lazypirate: { config: { routes } } }), 'Role', name);
    assert.deepEqual(
      find(charts.render(charts.demo), 'Role', 'demo-lazypirate')['rules'],
      rulesFor('service'),
    );
    const service = rulesWith([SERVICE], 'shop-demo-lazypirate');
    assert.equal(service.metadata.namespace, 'other');
    assert.deepEqual(service['rules'], rulesFor('service'));
    assert.deepEqual(rulesWith([PODS], 'shop-demo-lazypirate')['rules'], rulesFor('pods'));
    assert.deepEqual(rulesWith([SERVICE, PODS], 'shop-demo-lazypirate')['rules'], [
      ...rulesFor('service'),
      ...rulesFor('pods'),
    ]);
  });

  test('the Role is bound to the service account of the pods', () => {
    const objects = charts.render(charts.demo, { lazypirate: { config: { routes: [SERVICE] } } });
    const binding = find(objects, 'RoleBinding', 'shop-demo-lazypirate');
    const { serviceAccountName } = deploymentPod(objects);
    assert.deepEqual(binding['subjects'], [
      { kind: 'ServiceAccount', name: serviceAccountName, namespace: 'shop' },
    ]);
    find(objects, 'ServiceAccount', serviceAccountName ?? '');
  });

  test('the admin port of the configuration is the one that is probed and scraped', () => {
    const config = { admin: { listen: '0.0.0.0:8080' } };
    const pod = deploymentPod(charts.render(charts.demo, { lazypirate: { config } }));
    assert.deepEqual(container(pod, 'lazypirate').ports, [{ name: 'lazypirate', containerPort: 8080 }]);
  });

  test('app and sidecar share the directory of an ipc socket', () => {
    const pod = deploymentPod(charts.render(charts.demo, { lazypirate: { config: { routes: [PODS] } } }));
    for (const name of ['app', 'lazypirate'])
      assert.ok(mountsOf(container(pod, name)).includes('/run/lazypirate'), name);
  });

  test('large numbers and templates of the configuration arrive as they are meant', () => {
    const route = { ...FIXED, limits: { messageBytes: 16_777_216 } };
    const service = {
      ...SERVICE,
      upstream: { kubernetes: { service: '{{ .Release.Name }}-x', port: 7000 } },
    };
    const config = { routes: [route, service] };
    const text = configOf(charts.render(charts.demo, { lazypirate: { config } }));
    const [first, second] = loadConfig({ env: {}, flags: {}, text }).routes;
    assert.equal(first?.listener.messageBytes, 16_777_216);
    assert.match(JSON.stringify(second), /"demo-x"/);
  });

  const REFUSED: Record<string, [values: object, message: RegExp]> = {
    'a key that is not known': [{ lazypirate: { replicas: 1 } }, /lazypirate[\s\S]*replicas/],
    'a key of the demo that is not known': [{ replicas: 1 }, /replicas/],
    'a word for a number': [{ app: { replicas: 'two' } }, /app\/replicas[\s\S]*number|integer/],
    'a configuration key that is not known': [
      { lazypirate: { config: { routes: [{ ...FIXED, retries: 3 }] } } },
      /config\/routes\/0[\s\S]*retries/,
    ],
    'a route without a listener': [
      { lazypirate: { config: { routes: [{ name: 'a', upstream: FIXED.upstream }] } } },
      /config\/routes\/0[\s\S]*listen/,
    ],
    'a number out of its range': [
      { lazypirate: { config: { routes: [{ ...FIXED, attempts: 0 }] } } },
      /config\/routes\/0\/attempts/,
    ],
    'a digest that is none': [{ lazypirate: { image: { digest: 'latest' } } }, /image\/digest/],
    'an empty list of routes': [{ lazypirate: { config: { routes: [] } } }, /config\/routes/],
  };
  for (const [title, [values, message]] of Object.entries(REFUSED))
    test(`${title} is refused, and the message says where`, () => {
      assert.throws(() => charts.template(charts.demo, values), message);
    });

  test('the example without Helm has the very sidecar of the chart', () => {
    const yaml = readFileSync(new URL('../../config/kubernetes.yaml', import.meta.url), 'utf8');
    const plain = objectsOf(yaml);
    const pod = deploymentPod(plain, 'shop');
    const templated = deploymentPod(charts.render(charts.demo));
    assert.deepEqual(container(pod, 'lazypirate'), container(templated, 'lazypirate'));
    const volume = ({ volumes = [] }: PodSpec, name: string) => volumes.find((one) => one.name === name);
    assert.deepEqual(volume(pod, 'lazypirate-token'), volume(templated, 'lazypirate-token'));
    assert.deepEqual(find(plain, 'Role', 'shop-lazypirate')['rules'], rulesFor('service'));
    assert.deepEqual(restrictedProblems(pod), []);
    assert.equal(pod.automountServiceAccountToken, false);
    loadConfig({ env: {}, flags: {}, text: configOf(plain, 'shop-lazypirate') });
    if (schemaSkip === false) assert.deepEqual(charts.problems(yaml), []);
  });

  test('what the schemas do not know is seen', { skip: schemaSkip }, () => {
    const yaml = charts.template(charts.demo).replace('readinessProbe:', 'readyProbe:');
    assert.match(charts.problems(yaml).join('\n'), /Deployment demo-\w+: statusInvalid [\s\S]*readyProbe/);
  });

  test('the dashboard that is installed is the one to import', () => {
    const objects = charts.render(charts.demo, { lazypirate: { dashboard: { enabled: true } } });
    const { data, metadata } = find(objects, 'ConfigMap', 'demo-lazypirate-dashboard') as KubernetesObject & {
      data: Record<string, string>;
    };
    assert.equal(metadata.labels?.['grafana_dashboard'], '1');
    const file = readFileSync(join(charts.library, 'files/dashboard.json'), 'utf8');
    assert.deepEqual(JSON.parse(data['lazypirate.json'] ?? ''), JSON.parse(file));
  });
});
