import { isIP, isIPv6 } from 'node:net';
import { tcpAddress } from '../../tcp-address.ts';
import { type Family, ownFamilies } from '../address-family.ts';
import type { Discovered, NoEndpoints, Selected } from '../discovery.ts';
import { portList, uniqueNames } from './endpoint-slices.ts';
import { namesOf } from './names.ts';

/** The part of a v1 Pod that is used. The server may send anything, so no field is taken for granted. */
export interface Pod {
  metadata?: { uid?: string; name?: string; deletionTimestamp?: unknown };
  spec?: { nodeName?: string; containers?: readonly Container[]; initContainers?: readonly Container[] };
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

/** What is kept of a pod: its endpoint if it can take requests, or else the reason why it cannot. */
export type PodState =
  | { kind: 'ready'; endpoint: Discovered }
  | { kind: 'notReady' }
  /** None of its containers has a port of that name; `ports` are the names that they have. */
  | { kind: 'noPort'; ports: readonly string[] };

/**
 * A pod can take requests if it is Running, Ready, not being deleted, and has an IP address and the port.
 *
 * @param port its name in a container, or its number
 */
export function podState(pod: Pod, port: string | number, own = ownFamilies()): PodState {
  const { metadata, spec, status } = pod;
  const number = typeof port === 'number' ? port : portNamed(pod, port);
  if (number === undefined) return { kind: 'noPort', ports: namedPorts(pod).map(({ name }) => String(name)) };
  const isReady = status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True');
  const ip = podAddress(pod, own);
  if (status?.phase !== 'Running' || !isReady || metadata?.deletionTimestamp || ip === undefined)
    return { kind: 'notReady' };
  const { uid: identity, name } = metadata ?? {};
  const names = namesOf({ identity, pod: name, node: spec?.nodeName, zone: undefined });
  return { kind: 'ready', endpoint: { address: tcpAddress(ip, number), ...names } };
}

/** The reason why no pod can take requests. */
export function whyNoPod(
  states: readonly PodState[],
  port: string | number,
  { name, namespace }: Omit<Selected, 'kind'>,
): NoEndpoints {
  const pods = `pods with ${name} in namespace ${namespace}`;
  const nameless = states.flatMap((one) => (one.kind === 'noPort' ? one.ports : []));
  const because = (kind: NoEndpoints['kind'], words: string): NoEndpoints => ({
    ...{ kind, words, of: { kind: 'pods', name, namespace } },
    ...{ port, portNames: uniqueNames(nameless) },
  });
  if (states.length === 0)
    return because('no_pods', `there are no ${pods}; check the selector and the namespace`);
  if (states.every(({ kind }) => kind !== 'noPort'))
    return because('none_ready', `there are ${pods}, but none is ready`);
  const known = portList(nameless.map((one) => `"${one}"`));
  return because('no_port', `the ${pods} have no port named "${port}"; their ports: ${known}`);
}

/** The primary address of a pod, or its address of the other family if this machine has only that family. */
function podAddress({ status }: Pod, own: ReadonlySet<Family>): string | undefined {
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
