import { isIP, isIPv6 } from 'node:net';
import type { Discovered } from './discovery.ts';

/** What is used of a v1 Pod; whatever the server sends, no field is taken for granted. */
export interface Pod {
  metadata?: { uid?: string; deletionTimestamp?: unknown };
  spec?: { containers?: readonly Container[]; initContainers?: readonly Container[] };
  status?: {
    phase?: string;
    podIP?: string;
    conditions?: readonly { type?: string; status?: string }[];
  };
}

interface Container {
  /** `Always` makes an init container a native sidecar. */
  restartPolicy?: string;
  ports?: readonly { name?: string; containerPort?: number }[];
}

/**
 * The address of a pod that can be given work: Running, Ready, not being deleted, with an IP and the port.
 *
 * @param port by the name that a container gives it, or its number
 */
export function endpointOf(pod: Pod, port: string | number): Discovered | undefined {
  const { metadata, status } = pod;
  const ip = status?.podIP;
  const isReady = status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True');
  if (status?.phase !== 'Running' || !isReady || metadata?.deletionTimestamp) return undefined;
  if (typeof ip !== 'string' || isIP(ip) === 0) return undefined;
  const number = typeof port === 'number' ? port : portNamed(pod, port);
  if (number === undefined) return undefined;
  const address = isIPv6(ip) ? `tcp://[${ip}]:${number}` : `tcp://${ip}:${number}`;
  return metadata?.uid === undefined ? { address } : { address, identity: metadata.uid };
}

function portNamed({ spec }: Pod, name: string): number | undefined {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const ports = [...(spec?.containers ?? []), ...sidecars].flatMap(({ ports = [] }) => ports);
  return ports.find((one) => one.name === name)?.containerPort;
}
