import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { addSidecars } from '../../src/inject/sidecars.ts';
import { version } from '../../src/version.ts';
import { Charts, helmSkip, IMAGE, schemaSkip } from '../support/charts.ts';
import { containersOf, type KubernetesObject, objectsOf, type PodSpec, podOf } from '../support/objects.ts';

/** The release and the object have one name, and are in one namespace. */
const [NAME, NAMESPACE] = ['demo', 'shop'];
const KINDS = ['ConfigMap', 'Role', 'RoleBinding'];

interface Combination {
  annotations: Record<string, string>;
  isNative: boolean;
  account?: string;
  /** In place of the one for a single route. */
  config?: object;
}

/** What both put into the pod and beside it, in one form. */
interface Parts {
  container: unknown;
  place: unknown;
  volumes: unknown;
  mounts: unknown;
  beside: unknown;
}

function input({ annotations, account, config }: Combination): string {
  const pod = {
    ...(account !== undefined && { serviceAccountName: account }),
    containers: [{ name: 'app', image: 'app' }],
  };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: NAME, namespace: NAMESPACE },
    spec: { template: { metadata: { annotations }, spec: pod } },
  };
  const configMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'mine', namespace: NAMESPACE },
    data: { 'config.yaml': stringify(config) },
  };
  return [deployment, ...(config ? [configMap] : [])].map((one) => stringify(one)).join('---\n');
}

function byInject(combination: Combination): string {
  const flags = { image: `${IMAGE}:${version}` };
  const files = [{ name: 'app.yaml', text: input(combination) }];
  return addSidecars(files, { flags, only: [], isNative: combination.isNative }).text;
}

function partsOf(objects: readonly KubernetesObject[], pod: PodSpec): Parts {
  const container = containersOf(pod).find(({ name }) => name === 'lazypirate');
  const isOurs = ({ name }: { name: string }) => name.startsWith('lazypirate');
  const app = pod.containers.find(({ name }) => name === 'app');
  const beside = objects.filter(
    ({ kind, metadata }) =>
      KINDS.includes(kind) && metadata.labels?.['app.kubernetes.io/name'] === 'lazypirate',
  );
  return {
    container,
    place: [pod.initContainers, pod.containers].map(
      (all) => all?.findIndex(({ name }) => name === 'lazypirate') ?? -1,
    ),
    volumes: pod.volumes?.filter(isOurs),
    mounts: app?.volumeMounts?.filter(isOurs) ?? [],
    beside: beside.map(inOneForm).sort((one, other) => one.id.localeCompare(other.id)),
  };
}

/** Without what says who has made it, and the configuration as a value. */
function inOneForm({ metadata, data, ...object }: KubernetesObject) {
  const { labels = {}, namespace, ...rest } = metadata;
  const { 'app.kubernetes.io/managed-by': _, 'helm.sh/chart': __, ...marks } = labels;
  const config = (data as Record<string, string> | undefined)?.['config.yaml'];
  return {
    ...object,
    id: `${object.kind}/${metadata.name}`,
    // Helm creates everything in the namespace of the release that does not say where.
    metadata: { ...rest, labels: marks, namespace: namespace ?? NAMESPACE },
    ...(config !== undefined && { config: parse(config) }),
  };
}

const UPSTREAMS = {
  'a Service': 'service/orders:zmq',
  'a Service of another namespace': 'service/other/orders:7000',
  'a DNS name': 'dns/orders-headless.shop.svc:7000',
  'fixed addresses': 'tcp://10.0.0.1:7000,tcp://[fd00::1]:7000',
  'a server in the pod': 'ipc:///run/lazypirate/server.sock',
};
const LISTENERS = {
  'the usual port': undefined,
  'another port': 'tcp://127.0.0.1:6000',
  'a socket': 'ipc:///run/lazypirate/orders.sock',
};
const OWN = {
  'every way to find endpoints, and another admin port': {
    admin: { listen: '0.0.0.0:8080' },
    routes: [
      { name: 'a', listen: 'tcp://127.0.0.1:1', upstream: { endpoints: ['tcp://10.0.0.1:70'] } },
      { name: 'b', listen: 'tcp://127.0.0.1:2', upstream: { kubernetes: { service: 'b', port: 'zmq' } } },
      {
        name: 'c',
        listen: 'ipc:///run/lazypirate/c.sock',
        upstream: { kubernetes: { podSelector: 'app=c', namespace: 'other', port: 1 } },
      },
    ],
  },
  'no discovery': {
    routes: [{ name: 'a', listen: 'tcp://127.0.0.1:1', upstream: { dns: { name: 'a', port: 1 } } }],
  },
};

function combinations(): Record<string, Combination> {
  const all: Record<string, Combination> = {};
  for (const isNative of [true, false]) {
    const how = isNative ? 'native' : 'ordinary';
    for (const [from, upstream] of Object.entries(UPSTREAMS))
      for (const [at, listen] of Object.entries(LISTENERS))
        all[`${how}, ${from}, ${at}`] = {
          annotations: { 'lazypirate/upstream': upstream, ...(listen && { 'lazypirate/listen': listen }) },
          isNative,
        };
    for (const [what, config] of Object.entries(OWN))
      all[`${how}, a configuration of its own with ${what}`] = {
        annotations: { 'lazypirate/config': 'mine' },
        isNative,
        config,
      };
    all[`${how}, a service account`] = {
      annotations: { 'lazypirate/upstream': UPSTREAMS['a Service of another namespace'] },
      isNative,
      account: 'seller',
    };
  }
  return all;
}

describe('lazypirate inject', { skip: helmSkip }, () => {
  const charts = helmSkip === false ? new Charts() : (undefined as never);

  for (const [title, combination] of Object.entries(combinations()))
    test(`renders what the chart does: ${title}`, { concurrency: 2 }, () => {
      const { isNative, account = 'default', config } = combination;
      const text = byInject(combination);
      const injected = objectsOf(text);
      const deployment = injected.find(({ kind }) => kind === 'Deployment');
      assert.ok(deployment);
      const made = injected.find(({ kind }) => kind === 'ConfigMap') as unknown as {
        data: Record<string, string>;
      };
      const own = config ?? parse(made.data['config.yaml'] ?? '');
      const lazypirate = { config: own, native: isNative, serviceAccountName: account };
      const rendered = charts.render(charts.demo, { lazypirate });
      const app = rendered.find(
        ({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'demo-app',
      );
      assert.ok(app);
      const theirs = partsOf(rendered, podOf(app) as PodSpec);
      const ours = partsOf(injected, podOf(deployment) as PodSpec);
      if (config !== undefined) {
        // The chart makes the ConfigMap that somebody else has made here.
        const mine = JSON.stringify(theirs).replace(
          '"configMap":{"name":"demo-lazypirate"}',
          '"configMap":{"name":"mine"}',
        );
        const { beside, ...rest } = JSON.parse(mine) as Parts & { beside: { kind: string }[] };
        assert.deepEqual(ours, { ...rest, beside: beside.filter(({ kind }) => kind !== 'ConfigMap') });
      } else assert.deepEqual(ours, theirs);
    });

  test('makes objects that Kubernetes knows', { skip: schemaSkip }, () => {
    for (const combination of Object.values(combinations()).slice(0, 3)) {
      const deployment = byInject(combination).replace(
        'spec:\n  template:',
        'spec:\n  selector: { matchLabels: { a: b } }\n  template:',
      );
      assert.deepEqual(charts.problems(deployment), []);
    }
  });
});
