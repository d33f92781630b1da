import { stringify } from 'yaml';
import { blockLines } from './additions.ts';
import type { PodConfig } from './pod-config.ts';
import { mapAt, namespaceIn, type Workload } from './workload.ts';

/* The objects beside a pod, as the chart renders them for a release of that name (helm/lazypirate/templates/_rbac.tpl). */

export const MANAGER = 'lazypirate-inject';
const KINDS = ['ConfigMap', 'Role', 'RoleBinding'];

export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels: Record<string, string> };
  [key: string]: unknown;
}

export function nameBeside(name: string): string {
  return `${name}-lazypirate`;
}

/** Whether an object was added because of this one. */
export function isBeside(value: unknown, { name, namespace }: Workload): boolean {
  const metadata = mapAt(value, ['metadata']);
  const labels = mapAt(metadata, ['labels']);
  const isOurs =
    labels['app.kubernetes.io/managed-by'] === MANAGER && KINDS.includes(String(mapAt(value, [])['kind']));
  if (!isOurs || labels['app.kubernetes.io/instance'] !== instanceOf(name)) return false;
  const [own, elsewhere] = namesBeside({ name, namespace });
  if (metadata['name'] === elsewhere) return true;
  return metadata['name'] === own && namespaceIn(metadata) === namespace;
}

/** What the objects beside an object are called, in its own namespace and in others. */
export function namesBeside({ name, namespace }: Pick<Workload, 'name' | 'namespace'>): [string, string] {
  const own = nameBeside(name);
  return [own, `${namespace}-${own}`];
}

/** The value of a label can have 63 characters. */
function instanceOf(name: string): string {
  return name.slice(0, 63).replace(/[^A-Za-z0-9]+$/, '');
}

export function objectsBeside(workload: Workload, config: PodConfig): KubernetesObject[] {
  return [...(config.made ? [configMap(workload, config.made)] : []), ...rolesFor(workload, config)];
}

function metadata(
  { name }: Workload,
  own: string,
  namespace: string | undefined,
): KubernetesObject['metadata'] {
  const labels = {
    'app.kubernetes.io/name': 'lazypirate',
    'app.kubernetes.io/instance': instanceOf(name),
    'app.kubernetes.io/managed-by': MANAGER,
  };
  return { name: own, ...(namespace !== undefined && { namespace }), labels };
}

function configMap(workload: Workload, made: Record<string, unknown>): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata(workload, nameBeside(workload.name), workload.namespace),
    data: { 'config.yaml': stringify(made, { lineWidth: 0 }) },
  };
}

/** Namespaces in which a configuration asks; `undefined` is that of the pod. */
export function asksIn({ parsed }: PodConfig): { namespace: string | undefined; isForPods: boolean }[] {
  return (parsed?.routes ?? []).flatMap(({ upstream: { kubernetes } }) =>
    kubernetes ? [{ namespace: kubernetes.namespace, isForPods: kubernetes.service === undefined }] : [],
  );
}

/** A Role and its RoleBinding in each namespace that a route asks, with no more than its routes need. */
function rolesFor(workload: Workload, config: PodConfig): KubernetesObject[] {
  const { spec, namespace: own } = workload;
  const asks = asksIn(config).map(({ namespace, isForPods }) => ({ namespace: namespace ?? own, isForPods }));
  const account = String(spec['serviceAccountName'] || spec['serviceAccount'] || 'default');
  return [...Map.groupBy(asks, ({ namespace }) => namespace)].flatMap(([namespace, all]) => {
    const isElsewhere = namespace !== own;
    const marks = metadata(
      workload,
      `${isElsewhere ? `${own}-` : ''}${nameBeside(workload.name)}`,
      namespace,
    );
    const rules = [
      { isForPods: false, apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'] },
      { isForPods: true, apiGroups: [''], resources: ['pods'] },
    ].flatMap(({ isForPods, ...rule }) =>
      all.some((one) => one.isForPods === isForPods) ? [{ ...rule, verbs: ['list', 'watch'] }] : [],
    );
    const rbac = 'rbac.authorization.k8s.io';
    const subject = { kind: 'ServiceAccount', name: account, ...(own !== undefined && { namespace: own }) };
    return [
      { apiVersion: `${rbac}/v1`, kind: 'Role', metadata: marks, rules },
      {
        apiVersion: `${rbac}/v1`,
        kind: 'RoleBinding',
        metadata: marks,
        roleRef: { apiGroup: rbac, kind: 'Role', name: marks.name },
        subjects: [subject],
      },
    ];
  });
}

/** The text of objects, each without the line `---`. */
export function objectText(object: KubernetesObject, lineEnd: string): string {
  return blockLines(object, true).join(lineEnd) + lineEnd;
}
