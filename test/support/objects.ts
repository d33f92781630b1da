import { parseAllDocuments } from 'yaml';

/* Kubernetes objects, as far as tests look into them. */

export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  [key: string]: unknown;
}

export interface Container {
  name: string;
  image: string;
  restartPolicy?: string;
  args?: string[];
  env?: { name: string; value?: string }[];
  ports?: { name: string; containerPort: number }[];
  volumeMounts?: { name: string; mountPath: string }[];
  securityContext?: Record<string, unknown>;
  [key: string]: unknown;
}

export interface PodSpec {
  containers: Container[];
  initContainers?: Container[];
  volumes?: { name: string; [source: string]: unknown }[];
  serviceAccountName?: string;
  automountServiceAccountToken?: boolean;
  securityContext?: Record<string, unknown>;
  [key: string]: unknown;
}

export interface PodTemplate {
  metadata?: { annotations?: Record<string, string>; labels?: Record<string, string> };
  spec: PodSpec;
}

/** Throws if the text is not YAML or has a duplicate key: Helm and kubectl silently take the last one. */
export function objectsOf(yaml: string): KubernetesObject[] {
  return parseAllDocuments(yaml)
    .map((document) => {
      const [error] = document.errors;
      if (error !== undefined) throw error;
      return document.toJSON() as KubernetesObject | null;
    })
    .filter((object) => object !== null);
}

export function find(objects: readonly KubernetesObject[], kind: string, name: string): KubernetesObject {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (found === undefined)
    throw new Error(
      `no ${kind} ${name} in ${objects.map((one) => `${one.kind} ${one.metadata.name}`).join(', ')}`,
    );
  return found;
}

/** The pods that an object creates, or the one that it is. */
export function templateOf(object: KubernetesObject): PodTemplate | undefined {
  if (object.kind === 'Pod') return object as KubernetesObject & PodTemplate;
  const { spec } = object as {
    spec?: { template?: PodTemplate; jobTemplate?: { spec: { template: PodTemplate } } };
  };
  return spec?.jobTemplate?.spec.template ?? spec?.template;
}

export function podOf(object: KubernetesObject): PodSpec | undefined {
  return templateOf(object)?.spec;
}

export function containersOf(pod: PodSpec): Container[] {
  return [...(pod.initContainers ?? []), ...pod.containers];
}
