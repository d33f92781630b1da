import type { PodConfig } from './pod-config.ts';
import sidecar from './sidecar.json' with { type: 'json' };

/*
 * What goes into a pod. sidecar.json is generated from config/kubernetes.yaml. A test compares all of this with what the chart
 * renders.
 */

export const CONTAINER = sidecar.container.name;
const [CONFIG_VOLUME, TOKEN_VOLUME] = ['lazypirate-config', 'lazypirate-token'];
const RUN_VOLUME = 'lazypirate-run';
export const VOLUMES: readonly string[] = [CONFIG_VOLUME, TOKEN_VOLUME, RUN_VOLUME];
/** Where apps find the sockets of routes that listen with ipc. */
const RUN_DIRECTORY = '/run/lazypirate';

export interface SidecarSettings {
  image: string;
  isNative: boolean;
  config: PodConfig;
}

export function sidecarContainer({ image, isNative, config }: SidecarSettings): Record<string, unknown> {
  const { restartPolicy: _, ...ordinary } = sidecar.container;
  const { discovers } = config;
  const { env, ports, volumeMounts } = ordinary;
  return structuredClone({
    ...(isNative ? sidecar.container : ordinary),
    image,
    env: env.filter(({ name }) => discovers || name !== 'LAZYPIRATE_ZONE'),
    ports: ports.map((port) => ({ ...port, containerPort: config.adminPort })),
    volumeMounts: [
      ...volumeMounts.filter(({ name }) => discovers || name !== TOKEN_VOLUME),
      ...(config.hasSocket ? [runMount()] : []),
    ],
  });
}

/** For the app, so that it finds the sockets. */
export function runMount(): Record<string, unknown> {
  return { name: RUN_VOLUME, mountPath: RUN_DIRECTORY };
}

export function sidecarVolumes({ configMap, discovers, hasSocket }: PodConfig): Record<string, unknown>[] {
  const volumes = structuredClone(sidecar.volumes).filter(({ name }) => discovers || name !== TOKEN_VOLUME);
  return [
    ...volumes.map((one) => (one.name === CONFIG_VOLUME ? { ...one, configMap: { name: configMap } } : one)),
    ...(hasSocket ? [{ name: RUN_VOLUME, emptyDir: {} }] : []),
  ];
}
