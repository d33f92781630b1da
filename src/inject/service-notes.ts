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
    const ports = mapsIn(mapAt(service, ['spec']), 'ports');
    const isOwn =
      namespace === workload.namespace && selector.every(([key, value]) => workload.labels[key] === value);
    return [
      ...portNotes(port, ports, `Service/${name}`).map((words) => `${idOf(workload)}: ${words}`),
      ...(isOwn
        ? [
            `${idOf(workload)}: its own pods are the servers of Service/${name}, so its sidecar would send requests to these pods: if only other apps need it, name them with --only KIND/NAME`,
          ]
        : []),
    ];
  });
}

/** A name is that of a port of the Service. A number is a port of the pods, whatever the Service says. */
function portNotes(
  port: string | number | undefined,
  ports: readonly Record<string, unknown>[],
  service: string,
): string[] {
  const has = `it has ${ports.map(portWords).join(', ') || 'none'}`;
  if (typeof port === 'string')
    return ports.some(({ name }) => name === port)
      ? []
      : [`${service} has no port ${port}, so no server will be found; ${has}`];
  const onPods = ports.map((one) => one['targetPort'] ?? one['port']);
  // The Service does not say which number a port of that name has.
  if (onPods.some((one) => typeof one === 'string') || onPods.includes(port)) return [];
  return [`a number is a port of the pods, and ${service} has none that is ${port} there; ${has}`];
}

function portWords({ name, port, targetPort }: Record<string, unknown>): string {
  const onPods = targetPort ?? port;
  const number = onPods === port ? `${port}` : `${port}, on the pods ${onPods}`;
  return `${name ?? 'one without a name'} (${number})`;
}
