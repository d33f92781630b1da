import { isLocal } from '../config/values/address.ts';
import { formatDuration } from '../duration.ts';
import { hostPort, tcpAddress } from '../tcp-address.ts';
import type { Path } from './nodes.ts';
import { GRACE_OVER_DRAIN_MS, type PodConfig } from './pod-config.ts';
import { CONTAINER, VOLUMES } from './sidecar-parts.ts';
import { mapAt, mapsIn, type Workload } from './workload.ts';

/** Why a pod cannot have the sidecar: where in the pod, and the words. */
export interface Misfit {
  at: Path;
  words: string;
}

type Json = Record<string, unknown>;

const LISTS = ['initContainers', 'containers'] as const;

/** What does not depend on the configuration. */
export function podMisfits(workload: Workload, isNative: boolean): Misfit[] {
  const { spec, kind } = workload;
  const misfits: Misfit[] = [];
  const refuse = (at: Path, words: string) => void misfits.push({ at: ['spec', ...at], words });
  if (workload.name === '') misfits.push({ at: [], words: 'has no name: set metadata.name' });
  if (mapsIn(spec, 'containers').length === 0) refuse(['containers'], 'has no containers');
  if (isTrue(spec['hostNetwork']))
    refuse(
      ['hostNetwork'],
      'hostNetwork puts the ports of the sidecar onto the node, where others use them and can reach them: remove it, or add the sidecar by hand with ports that are free there',
    );
  for (const at of windowsIn(spec))
    refuse(at, 'its pods run on Windows, and the image of the sidecar is for Linux');
  if (!isNative && runsToTheEnd(workload))
    misfits.push({
      at: [],
      words: `without native sidecars, the pods of a ${kind} would never end: do not use --no-native here (Kubernetes 1.29 and later)`,
    });
  for (const key of LISTS)
    mapsIn(spec, key).forEach(({ name }, index) => {
      if (name === CONTAINER)
        refuse(
          [key, index, 'name'],
          `has a container ${CONTAINER} that inject did not add: remove it, or the annotations`,
        );
    });
  mapsIn(spec, 'volumes').forEach(({ name }, index) => {
    if (VOLUMES.includes(String(name)))
      refuse(['volumes', index, 'name'], `has a volume ${name} that inject did not add: rename it`);
  });
  return misfits;
}

/** As Kubernetes reads it, which is by YAML 1.1. */
function isTrue(value: unknown): boolean {
  return value === true || /^(?:y|yes|on)$/i.test(String(value));
}

/** What says that the pods are for Windows. */
function windowsIn(spec: Json): Path[] {
  const said = [
    ['os', 'name'],
    ['nodeSelector', 'kubernetes.io/os'],
    ['nodeSelector', 'beta.kubernetes.io/os'],
  ];
  return said.filter(([key = '', name = '']) => mapAt(spec, [key])[name] === 'windows').slice(0, 1);
}

function runsToTheEnd({ kind, spec }: Workload): boolean {
  if (kind === 'Job' || kind === 'CronJob') return true;
  return kind === 'Pod' && (spec['restartPolicy'] === 'Never' || spec['restartPolicy'] === 'OnFailure');
}

/** How long the pods have to end. */
export function graceMsOf({ spec }: Workload): number {
  const seconds = spec['terminationGracePeriodSeconds'];
  return (typeof seconds === 'number' ? seconds : 30) * 1_000;
}

/** What the pod and this configuration say against each other. */
export function configMisfits(workload: Workload, config: PodConfig): Misfit[] {
  const { parsed, made } = config;
  if (parsed === undefined)
    return portMisfits(workload, [{ port: config.adminPort, what: 'serves health and metrics' }]);
  const inConfig = (words: string): Misfit => ({ at: [], words: `ConfigMap ${config.configMap}: ${words}` });
  return [
    ...(made ? madeGraceMisfits(workload) : graceMisfits(workload, parsed.drain.timeout)),
    ...adminWords(parsed.admin).map(inConfig),
    ...tracingWords(parsed.tracing).map(inConfig),
    ...parsed.routes.flatMap((route, index) =>
      routeWords(route, made === undefined ? `routes[${index}].` : '').map(inConfig),
    ),
    ...portMisfits(workload, portsOf(parsed)),
    ...(config.hasSocket ? mountMisfits(workload) : []),
  ];
}

function madeGraceMisfits(workload: Workload): Misfit[] {
  const grace = graceMsOf(workload);
  if (grace > GRACE_OVER_DRAIN_MS) return [];
  const words = `the sidecar cannot finish its requests in ${grace / 1_000} s: raise terminationGracePeriodSeconds to 2 or more`;
  return [{ at: ['spec', 'terminationGracePeriodSeconds'], words }];
}

function graceMisfits(workload: Workload, drainMs: number): Misfit[] {
  const grace = graceMsOf(workload);
  if (drainMs + GRACE_OVER_DRAIN_MS <= grace) return [];
  const words = `drain.timeout (${formatDuration(drainMs)}) must be at least a second below the grace period of the pod (${grace / 1_000}s), or Kubernetes kills the sidecar while it drains: lower it, or raise terminationGracePeriodSeconds`;
  return [{ at: ['spec', 'terminationGracePeriodSeconds'], words }];
}

type Parsed = NonNullable<PodConfig['parsed']>;

function adminWords({ listen, debugDirectory }: Parsed['admin']): string[] {
  const isEverywhere = ['0.0.0.0', '::'].includes(listen.host) && listen.port > 0;
  const address = hostPort(listen.host, listen.port);
  const isLoopback = isLocal(tcpAddress(listen.host, listen.port));
  return [
    ...(isLoopback
      ? [
          `admin.listen (${address}) must not be loopback: the kubelet and Prometheus connect from outside the pod`,
        ]
      : []),
    ...(isLoopback || isEverywhere
      ? []
      : [
          `admin.listen (${address}) must be every address of the pod and a fixed port, such as 0.0.0.0:9555`,
        ]),
    ...(debugDirectory === undefined ? [] : [`admin.debugDirectory (${debugDirectory}) ${inNoVolume}`]),
  ];
}

function tracingWords(tracing: Parsed['tracing']): string[] {
  const file = tracing?.headersFile;
  return file === undefined ? [] : [`tracing.headersFile (${file}) ${inNoVolume}`];
}

const inNoVolume = 'is in no volume of the sidecar: inject adds none, so use the Helm chart';

function routeWords(
  { listen, upstream, curve, listenCurve }: Parsed['routes'][number],
  at: string,
): string[] {
  const { endpoints = [] } = upstream;
  const sockets = [{ key: 'listen', address: listen }].concat(
    endpoints.map((address) => ({ key: 'upstream.endpoints', address })),
  );
  return [
    ...sockets
      .filter(({ address }) => /^ipc:\/\/\/(?!run\/lazypirate\/[^/]+$)/.test(address))
      .map(
        ({ key, address }) =>
          `${at}${key} (${address}) is in no volume of the sidecar: put the socket directly into /run/lazypirate`,
      ),
    ...Object.entries({ curve, listenCurve }).flatMap(([key, files]) =>
      Object.entries(files ?? {}).map(([name, file]) => `${at}${key}.${name} (${file}) ${inNoVolume}`),
    ),
  ];
}

interface OwnPort {
  port: number;
  what: string;
}

function portsOf({ admin, routes }: Parsed): OwnPort[] {
  return [
    { port: admin.listen.port, what: 'serves health and metrics' },
    ...(typeof admin.inspect === 'object' ? [{ port: admin.inspect.port, what: 'serves its status' }] : []),
    ...routes.flatMap(({ name, listen }) => {
      const port = /^tcp:.*:(\d+)$/.exec(listen)?.[1];
      return port === undefined ? [] : [{ port: Number(port), what: `listens for the route ${name}` }];
    }),
  ];
}

/** The containers of a pod share its ports. */
function portMisfits({ spec }: Workload, own: readonly OwnPort[]): Misfit[] {
  return LISTS.flatMap((key) =>
    mapsIn(spec, key).flatMap((container, index) =>
      mapsIn(container, 'ports').flatMap(({ containerPort, protocol }, number) => {
        const taken = own.find(({ port }) => port === containerPort);
        if (taken === undefined || (protocol !== undefined && protocol !== 'TCP')) return [];
        const words = `port ${taken.port} is taken by the container ${container['name']}, but the sidecar ${taken.what} there: ${elsewhere(taken)}`;
        return [{ at: ['spec', key, index, 'ports', number], words }];
      }),
    ),
  );
}

function elsewhere({ what }: OwnPort): string {
  return what.startsWith('listens')
    ? 'set another port with lazypirate/listen or --listen'
    : 'set another port for it in a configuration of your own (lazypirate/config)';
}

/** A container that has something else where the sockets are would not see them. */
function mountMisfits({ spec }: Workload): Misfit[] {
  return mapsIn(spec, 'containers').flatMap((container, index) => {
    const taken = mapsIn(container, 'volumeMounts').findIndex(({ mountPath }) =>
      /^\/run\/lazypirate\/*$/.test(String(mountPath)),
    );
    const words = `the container ${container['name']} has another volume at /run/lazypirate: mount it elsewhere`;
    return taken < 0 ? [] : [{ at: ['spec', 'containers', index, 'volumeMounts', taken], words }];
  });
}
