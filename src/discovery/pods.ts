import { isIP, isIPv6 } from 'node:net';
import type { Discovered } from './discovery.ts';
import { type Family, ownFamilies } from './family.ts';
import { listOf } from './slices.ts';

/** What is used of a v1 Pod; whatever the server sends, no field is taken for granted. */
export interface Pod {
  metadata?: { uid?: string; deletionTimestamp?: unknown };
  spec?: { containers?: readonly Container[]; initContainers?: readonly Container[] };
  status?: {
    phase?: string;
    podIP?: string;
    podIPs?: readonly { ip?: string }[];
    conditions?: readonly { type?: string; status?: string }[];
  };
}

interface Container {
  /** `Always` makes an init container a native sidecar. */
  restartPolicy?: string;
  ports?: readonly { name?: string; containerPort?: number }[];
}

/** What is kept of a pod: its endpoint where it can be given work, or else why it cannot. */
export type PodState =
  | { kind: 'ready'; endpoint: Discovered }
  | { kind: 'notReady' }
  /** None of its containers gives a port that name; `ports` are those that they name. */
  | { kind: 'noPort'; ports: readonly string[] };

/**
 * A pod can be given work if it is Running, Ready, not being deleted, and has an IP and the port.
 *
 * @param port by the name that a container gives it, or its number
 */
export function stateOf(pod: Pod, port: string | number, own = ownFamilies()): PodState {
  const { metadata, status } = pod;
  const number = typeof port === 'number' ? port : portNamed(pod, port);
  if (number === undefined) return { kind: 'noPort', ports: namedPorts(pod).map(({ name }) => String(name)) };
  const isReady = status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True');
  const ip = addressOf(pod, own);
  if (status?.phase !== 'Running' || !isReady || metadata?.deletionTimestamp || ip === undefined)
    return { kind: 'notReady' };
  const address = isIPv6(ip) ? `tcp://[${ip}]:${number}` : `tcp://${ip}:${number}`;
  const identity = metadata?.uid;
  return { kind: 'ready', endpoint: identity === undefined ? { address } : { address, identity } };
}

/**
 * Why no pod can be given work, for people.
 *
 * @param pods how they are called in the text
 */
export function whyNoPod(states: readonly PodState[], port: string | number, pods: string): string {
  if (states.length === 0) return `there are no ${pods}; check the selector and the namespace`;
  const nameless = states.flatMap((one) => (one.kind === 'noPort' ? [one] : []));
  if (nameless.length === 0) return `there are ${pods}, but none is ready`;
  const known = listOf(nameless.flatMap(({ ports }) => ports));
  return `the ${pods} have no port named ${port}; their ports: ${known}`;
}

/** The primary address; of a pod with two families the other one, where this machine has only that. */
function addressOf({ status }: Pod, own: ReadonlySet<Family>): string | undefined {
  const all = [status?.podIP, ...(status?.podIPs ?? []).map((one) => one?.ip)].filter(
    (ip): ip is string => typeof ip === 'string' && isIP(ip) !== 0,
  );
  return all.find((ip) => own.has(isIPv6(ip) ? 'IPv6' : 'IPv4')) ?? all[0];
}

function portNamed(pod: Pod, name: string): number | undefined {
  return namedPorts(pod).find((one) => one.name === name)?.containerPort;
}

function namedPorts({ spec }: Pod) {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const ports = [...(spec?.containers ?? []), ...sidecars].flatMap(({ ports = [] }) => ports);
  return ports.filter(({ name }) => name);
}
