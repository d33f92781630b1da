/** Where a route's endpoints come from. */
export type DiscoverySettings =
  | { kind: 'static'; endpoints: readonly string[] }
  | ({ kind: 'kubernetes' } & KubernetesSettings)
  | ({ kind: 'dns' } & DnsSettings);

/** Which endpoints to ask Kubernetes for. */
export interface KubernetesSettings {
  /** `service`: the EndpointSlices of a Service. `pods`: the pods with these labels. */
  select: { kind: 'service'; name: string } | { kind: 'pods'; selector: string };
  /** `undefined`: the pod's own, or that of the current kubeconfig context. */
  namespace: string | undefined;
  /** Its name, or its number on the pod. */
  port: string | number;
}

/** Which name to look up. */
export interface DnsSettings {
  name: string;
  port: number;
  intervalMs: number;
}
