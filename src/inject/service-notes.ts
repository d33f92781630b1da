import type { PodConfig } from './pod-config.ts';
import { idOf, mapAt, mapsIn, type Workload } from './workload.ts';

type FindService = (namespace: string | undefined, name: string) => Record<string, unknown> | undefined;

/** What a Service of the input says about a route to it: such a mistake would show in the cluster only. */
export function serviceNotes(workload: Workload, { parsed }: PodConfig, find: FindService): string[] {
  return (parsed?.routes ?? []).flatMap(({ upstream: { kubernetes } }) => {
    if (kubernetes?.service === undefined) return [];
    const { service: name, port } = kubernetes;
    const namespace = kubernetes.namespace ?? workload.namespace;
    const service = find(namespace, name) ?? {};
    const selector = Object.entries(mapAt(service, ['spec', 'selector']));
    // The endpoints of a Service without a selector are made by somebody else, who names their ports.
    if (selector.length === 0) return [];
    const names = mapsIn(mapAt(service, ['spec']), 'ports').map((one) =>
      String(one['name'] ?? 'one without a name'),
    );
    const isOwn =
      namespace === workload.namespace && selector.every(([key, value]) => workload.labels[key] === value);
    return [
      ...(typeof port === 'string' && !names.includes(port)
        ? [
            `${idOf(workload)}: Service/${name} has no port ${port}, so no server will be found; it has ${names.join(', ') || 'none'}`,
          ]
        : []),
      ...(isOwn
        ? [
            `${idOf(workload)}: its own pods are the servers of Service/${name}, so its sidecar would send requests to these pods: if only other apps need it, name them with --only KIND/NAME`,
          ]
        : []),
    ];
  });
}
