import { isIPv4, isIPv6 } from 'node:net';
import type { Discovered } from './discovery.ts';

/** What is used of a discovery.k8s.io/v1 EndpointSlice; whatever the server sends, no field is taken for granted. */
export interface EndpointSlice {
  addressType?: string;
  ports?: readonly { name?: string; port?: number; protocol?: string }[] | null;
  endpoints?: readonly SliceEndpoint[] | null;
}

interface SliceEndpoint {
  addresses?: readonly string[];
  conditions?: { ready?: boolean | null; serving?: boolean | null; terminating?: boolean | null };
  hints?: { forZones?: readonly { name?: string }[] };
  targetRef?: { uid?: string };
}

/** An endpoint that may be used, and when. */
interface Candidate extends Discovered {
  family: string;
  isReady: boolean;
  zones: readonly string[];
}

/**
 * The addresses of a service, of all its slices together: the ready ones, or, where none is ready, those that still serve
 * while they terminate. Where every one of them has a zone hint and some are for our zone, only those, as kube-proxy does it.
 * Of a service with two address families, the one with more addresses (IPv4, where equal).
 *
 * @param port by its name in the slice, or its number on the pods
 * @param zone that this pod is in, where that is known
 */
export function endpointsOf(
  slices: Iterable<EndpointSlice>,
  port: string | number,
  zone: string | undefined,
): Discovered[] {
  const all = oneFamily([...slices].flatMap((slice) => candidatesOf(slice, port)));
  const ready = all.filter((one) => one.isReady);
  const usable = ready.length > 0 ? ready : all;
  const isHinted = zone !== undefined && usable.every(({ zones }) => zones.length > 0);
  const near = isHinted ? usable.filter(({ zones }) => zones.includes(zone)) : [];
  const chosen = near.length > 0 ? near : usable;
  const byAddress = new Map(chosen.map((one) => [one.address, one]));
  return Array.from(byAddress.values(), ({ address, identity }) => ({
    address,
    ...(identity !== undefined && { identity }),
  }));
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
    // Further addresses of one endpoint are only there for compatibility (the API says: use the first).
    const address = addressOf(endpoint?.addresses?.[0], family, number);
    if (address === undefined || !(isReady || isLastResort)) return [];
    const zones = (endpoint.hints?.forZones ?? []).flatMap(({ name }) => (name === undefined ? [] : [name]));
    const identity = endpoint.targetRef?.uid;
    return [{ address, family, isReady, zones, ...(identity !== undefined && { identity }) }];
  });
}

function addressOf(ip: unknown, family: string, port: number): string | undefined {
  if (typeof ip !== 'string') return undefined;
  if (family === 'IPv4' && isIPv4(ip)) return `tcp://${ip}:${port}`;
  if (family === 'IPv6' && isIPv6(ip)) return `tcp://[${ip}]:${port}`;
  return undefined;
}

function isPort(port: unknown): boolean {
  return Number.isInteger(port) && Number(port) >= 1 && Number(port) <= 65_535;
}

/** Otherwise a pod that has an address of each family would count twice. */
function oneFamily(all: readonly Candidate[]): readonly Candidate[] {
  const six = all.filter(({ family }) => family === 'IPv6');
  const four = all.filter(({ family }) => family === 'IPv4');
  return six.length > four.length ? six : four;
}
