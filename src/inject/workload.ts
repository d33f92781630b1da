import type { Path } from './nodes.ts';

type Json = Record<string, unknown>;

/** An object with pods. */
export interface Workload {
  object: Json;
  kind: string;
  name: string;
  namespace: string | undefined;
  /** Where the object is in its document. */
  path: Path;
  /** Where `metadata` and `spec` of its pods are. */
  podPath: Path;
  /** The annotations of the object itself, unless it is a pod. */
  ownAnnotations: Json;
  annotations: Json;
  /** Of its pods. */
  labels: Json;
  spec: Json;
}

const TEMPLATE = ['spec', 'template'];
const POD_PATHS: Record<string, Path> = {
  Pod: [],
  Deployment: TEMPLATE,
  StatefulSet: TEMPLATE,
  DaemonSet: TEMPLATE,
  ReplicaSet: TEMPLATE,
  ReplicationController: TEMPLATE,
  Job: TEMPLATE,
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
};
export const KINDS: readonly string[] = Object.keys(POD_PATHS);
/** As kubectl knows them. */
export const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ['po', 'Pod'],
  ['deploy', 'Deployment'],
  ['sts', 'StatefulSet'],
  ['ds', 'DaemonSet'],
  ['rs', 'ReplicaSet'],
  ['rc', 'ReplicationController'],
  ['cj', 'CronJob'],
]);
const GROUP = /^(?:v1|(?:apps|extensions|batch)\/.+)$/;
/** Whether a text may have an object with pods, without reading it. */
const MENTION = new RegExp(
  `\\bkind["']?\\s*:[^\\n]{0,60}\\b(?:${KINDS.join('|')})(?:List)?\\b|"kind"\\s*:\\s*"\\w*List"|\\bkind\\s*:\\s*List\\b`,
);

export function mentionsWorkload(text: string): boolean {
  return MENTION.test(text);
}

/** Every object of a document with its place: those of a `List` one by one. */
export function objectsIn(value: unknown): { object: Json; path: Path }[] {
  if (!isMap(value)) return [];
  const { kind, items } = value;
  if (typeof kind !== 'string' || !kind.endsWith('List') || !Array.isArray(items))
    return [{ object: value, path: [] }];
  // In a typed list the items need not say what they are.
  const itemKind = kind.slice(0, -'List'.length);
  return items.flatMap((item: unknown, index) =>
    isMap(item)
      ? [
          {
            object: { ...(itemKind !== '' && { kind: itemKind, apiVersion: value['apiVersion'] }), ...item },
            path: ['items', index],
          },
        ]
      : [],
  );
}

/** @returns `undefined` unless the object has pods */
export function workloadOf({ object, path }: { object: Json; path: Path }): Workload | undefined {
  const { kind, apiVersion } = object;
  if (typeof kind !== 'string' || !Object.hasOwn(POD_PATHS, kind)) return undefined;
  if (typeof apiVersion !== 'string' || !GROUP.test(apiVersion)) return undefined;
  const podPath = POD_PATHS[kind] ?? [];
  const pod = mapAt(object, podPath);
  const metadata = mapAt(object, ['metadata']);
  return {
    object,
    kind,
    name: nameIn(metadata),
    namespace: namespaceIn(metadata),
    path,
    podPath: [...path, ...podPath],
    ownAnnotations: podPath.length === 0 ? {} : mapAt(metadata, ['annotations']),
    annotations: mapAt(pod, ['metadata', 'annotations']),
    labels: mapAt(pod, ['metadata', 'labels']),
    spec: mapAt(pod, ['spec']),
  };
}

/** The name of an object; of one that gets its name when it is created, what that begins with. */
export function nameIn({ name, generateName }: Json): string {
  if (typeof name === 'string') return name;
  return typeof generateName === 'string' ? generateName.replace(/[-.]+$/, '') : '';
}

/** The map at a path, or an empty one. */
export function mapAt(value: unknown, path: Path): Json {
  let at = value;
  for (const part of path) at = isMap(at) ? at[part] : undefined;
  return isMap(at) ? at : {};
}

/** The maps in the list of a key. */
export function mapsIn(value: Json, key: string): Json[] {
  const list = value[key];
  return Array.isArray(list) ? list.filter(isMap) : [];
}

export function isMap(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `KIND/NAME`, or `NAMESPACE/KIND/NAME` if the object says in which namespace it is. */
export function idOf({ kind, name, namespace }: Pick<Workload, 'kind' | 'name' | 'namespace'>): string {
  return `${namespace === undefined ? '' : `${namespace}/`}${kind}/${name}`;
}

export function objectId(value: unknown): string {
  const { kind } = mapAt(value, []);
  const metadata = mapAt(value, ['metadata']);
  return idOf({ kind: String(kind), name: nameIn(metadata), namespace: namespaceIn(metadata) });
}

/** An empty one is none, as in Kubernetes. */
export function namespaceIn({ namespace }: Json): string | undefined {
  return typeof namespace === 'string' && namespace !== '' ? namespace : undefined;
}
