import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';

/*
 * What is added to a pod that asks for the sidecar, by a label or through `lazypirate inject`: the container and the volumes of
 * config/kubernetes.yaml, which a test compares with what the chart renders.
 */

/** A pod asks for the sidecar with this label. */
export const LABEL = { key: 'lazypirate/inject', value: 'enabled' };
/** Names the ConfigMap with the configuration, in the pod's namespace. */
export const CONFIG = 'lazypirate/config';
/** Leaves out what only discovery needs. */
export const DISCOVERY = { key: 'lazypirate/discovery', value: 'disabled' };

export type Json = string | number | boolean | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export interface Sidecar {
  container: JsonObject & { name: string; image: string; env: JsonObject[]; volumeMounts: JsonObject[] };
  volumes: [config: JsonObject & { name: string }, token: JsonObject & { name: string }];
}

/** The sidecar as it is where routes discover their endpoints. */
export function sidecar(): Sidecar {
  const text = readFileSync(new URL('../config/kubernetes.yaml', import.meta.url), 'utf8');
  for (const document of parseAllDocuments(text)) {
    const { kind, spec } = document.toJSON() as {
      kind: string;
      spec: { template: { spec: { initContainers: [Sidecar['container']]; volumes: Sidecar['volumes'] } } };
    };
    if (kind !== 'Deployment') continue;
    const { initContainers, volumes } = spec.template.spec;
    return { container: initContainers[0], volumes };
  }
  throw new Error('config/kubernetes.yaml has no Deployment');
}

/** Whether only discovery needs this variable, volume or mount. */
export function isForDiscovery({ name }: JsonObject): boolean {
  return name === 'LAZYPIRATE_ZONE' || name === 'lazypirate-token';
}
