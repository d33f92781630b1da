import { isIPv4, isIPv6 } from 'node:net';
import { tcpAddress } from '../../tcp-address.ts';
import { type Family, FamilyChoice } from '../address-family.ts';
import type { Discovered, NoEndpoints, Selected } from '../discovery.ts';
import { namesOf } from './names.ts';

/** The part of a discovery.k8s.io/v1 EndpointSlice that is used. The server may send anything, so no field is taken for granted. */
export interface EndpointSlice {
  addressType?: string;
  ports?: readonly { name?: string; port?: number; protocol?: string }[] | null;
  endpoints?: readonly SliceEndpoint[] | null;
}

interface SliceEndpoint {
  addresses?: readonly string[];
  conditions?: { ready?: boolean | null; serving?: boolean | null; terminating?: boolean | null };
  hints?: { forZones?: readonly { name?: string }[] };
  targetRef?: { kind?: string; name?: string; uid?: string } | null;
  nodeName?: string | null;
  zone?: string | null;
}

/** An endpoint that may be used, and under which conditions. */
interface Candidate {
  endpoint: Discovered;
  family: Family;
  isReady: boolean;
  /** For which zones the Service means it. */
  zones: readonly string[];
}

/**
 * The endpoints of a Service, from all of its slices: the ready ones or, if none is ready, those that still serve while they
 * terminate. If all of them have zone hints and some are for our zone, only those are used, as in kube-proxy. If the Service
 * has two address families, one of them is used.
 *
 * @param port its name in the slice, or its number on the pods
 * @param zone the zone of this pod, if known
 * @returns the endpoints, or how long to wait before calling this again with the then current slices
 */
export function endpointsOf(
  slices: Iterable<EndpointSlice>,
  port: string | number,
  zone: string | undefined,
  families = new FamilyChoice(),
  nowMs = performance.now(),
): Discovered[] | { waitMs: number } {
  const both = [...slices].flatMap((slice) => candidatesOf(slice, port));
  const countOf = (family: Family) => both.filter((one) => one.family === family).length;
  const family = families.choose({ IPv4: countOf('IPv4'), IPv6: countOf('IPv6') }, nowMs);
  if (typeof family === 'object') return family;
  const all = both.filter((one) => one.family === family);
  const ready = all.filter((one) => one.isReady);
  const usable = ready.length > 0 ? ready : all;
  const isHinted = zone !== undefined && usable.every(({ zones }) => zones.length > 0);
  const near = isHinted ? usable.filter(({ zones }) => zones.includes(zone)) : [];
  const chosen = near.length > 0 ? near : usable;
  const byAddress = new Map(chosen.map(({ endpoint }) => [endpoint.address, endpoint]));
  return [...byAddress.values()];
}

/** The reason why a Service has no endpoints. */
export function whyNoEndpoints(
  slices: readonly EndpointSlice[],
  port: string | number,
  { name, namespace }: Omit<Selected, 'kind'>,
): NoEndpoints {
  const service = `Service ${name} in namespace ${namespace}`;
  const ports = slices.flatMap((slice) => slice.ports ?? []);
  const portNames = uniqueNames(ports.map((one) => one?.name));
  const because = (kind: NoEndpoints['kind'], words: string): NoEndpoints => ({
    ...{ kind, words, of: { kind: 'service', name, namespace } },
    ...{ port, portNames },
  });
  if (slices.length === 0)
    return because('no_slices', `there is no EndpointSlice of ${service}; check its name and namespace`);
  const hasEndpoints = slices.some(({ endpoints }) => (endpoints ?? []).length > 0);
  const isKnown = typeof port === 'number' || ports.some((one) => one?.name === port);
  const without = `${service} has no port named "${port}"`;
  // Kubernetes leaves out a port of the Service whose targetPort no pod has.
  if (!isKnown && ports.length === 0 && hasEndpoints)
    return because('no_port', `${without}, or its targetPort names a port that its pods do not have`);
  if (!isKnown && ports.length > 0) {
    const known = ports.map((one) =>
      one?.name ? `"${one.name}" (${one.port})` : `${one?.port} (without a name)`,
    );
    return because('no_port', `${without}; its ports: ${portList(known)}`);
  }
  if (!hasEndpoints) return because('no_pods', `${service} selects no pods`);
  return because('none_ready', `no pod of ${service} is ready`);
}

/** Each name once, and no port that has none. */
export function uniqueNames(names: readonly (string | undefined)[]): string[] {
  return [...new Set(names)].filter((name): name is string => typeof name === 'string' && name !== '');
}

const LISTED_MOST = 10;

/** A list of existing ports, for users. */
export function portList(ports: readonly string[]): string {
  const all = [...new Set(ports)].sort();
  if (all.length === 0) return 'none';
  const more = all.length > LISTED_MOST ? ', ...' : '';
  return `${all.slice(0, LISTED_MOST).join(', ')}${more}`;
}

function candidatesOf(slice: EndpointSlice, port: string | number): Candidate[] {
  const { addressType: family = '' } = slice;
  const number =
    typeof port === 'number' ? port : (slice.ports ?? []).find((one) => one?.name === port)?.port;
  if (number === undefined || !isPort(number)) return [];
  return (slice.endpoints ?? []).flatMap((endpoint) => {
    const { ready, serving, terminating } = endpoint?.conditions ?? {};
    const isReady = (ready ?? true) && !terminating;
    const isLastResort = (serving ?? true) && terminating === true;
    // The API says to use the first address of an endpoint; further ones exist only for compatibility.
    const address = addressOf(endpoint?.addresses?.[0], family, number);
    if (address === undefined || !(isReady || isLastResort) || !isFamily(family)) return [];
    const zones = (endpoint.hints?.forZones ?? []).flatMap(({ name }) => (name === undefined ? [] : [name]));
    const { targetRef, nodeName: node, zone } = endpoint;
    const pod = targetRef?.kind === 'Pod' ? targetRef.name : undefined;
    const names = namesOf({ identity: targetRef?.uid, pod, node, zone });
    return [{ endpoint: { address, ...names }, family, isReady, zones }];
  });
}

function addressOf(ip: unknown, family: string, port: number): string | undefined {
  if (typeof ip !== 'string') return undefined;
  const isOfFamily = family === 'IPv4' ? isIPv4(ip) : family === 'IPv6' && isIPv6(ip);
  return isOfFamily ? tcpAddress(ip, port) : undefined;
}

function isFamily(type: string): type is Family {
  return type === 'IPv4' || type === 'IPv6';
}

function isPort(port: unknown): boolean {
  return Number.isInteger(port) && Number(port) >= 1 && Number(port) <= 65_535;
}
