export const FIXED = {
  name: 'a',
  listen: 'tcp://127.0.0.1:1',
  upstream: { endpoints: ['tcp://10.0.0.1:70'] },
};
export const SERVICE = {
  name: 'b',
  listen: 'tcp://127.0.0.1:2',
  upstream: { kubernetes: { service: 'b', namespace: 'other', port: 1 } },
};
export const PODS = {
  name: 'c',
  listen: 'ipc:///run/lazypirate/c.sock',
  upstream: { kubernetes: { podSelector: 'app=c', namespace: 'other', port: 'zmq' } },
};

/** Values of the demo chart, below `lazypirate`, that render something of their own. */
export const VARIANTS: Record<string, object> = {
  'nothing but the defaults': {},
  'an ordinary container': { native: false },
  'fixed endpoints': { config: { routes: [FIXED] } },
  'a Service of another namespace': { config: { routes: [SERVICE] } },
  'pods of another namespace, and an ipc socket': { config: { routes: [PODS] } },
  'every way of discovery at once': { config: { routes: [FIXED, SERVICE, PODS] } },
  'no Role': { rbac: { create: false } },
  'another admin port': { config: { admin: { listen: '0.0.0.0:8080' } } },
  'everything for monitoring': {
    podMonitor: { enabled: true, labels: { release: 'prometheus' } },
    alerts: { enabled: true, labels: { release: 'prometheus' }, alertLabels: { team: 'shop' } },
    dashboard: { enabled: true },
  },
  'a NetworkPolicy': {
    networkPolicy: {
      enabled: true,
      admin: [{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }],
      ingress: [{ ports: [{ port: 8080 }] }],
      egress: [{ ports: [{ port: 7000 }] }],
    },
  },
  'an image by digest': { image: { digest: `sha256:${'0'.repeat(64)}`, pullPolicy: 'Always' } },
  'labels, annotations, variables and resources': {
    labels: { team: 'shop' },
    annotations: { 'example.com/owner': 'shop' },
    extraEnv: [{ name: 'LAZYPIRATE_LOG_LEVEL', value: 'debug' }],
    extraVolumes: [{ name: 'keys', secret: { secretName: 'orders-curve', defaultMode: 0o440 } }],
    extraVolumeMounts: [{ name: 'keys', mountPath: '/etc/keys', readOnly: true }],
    resources: { limits: { cpu: 1, memory: '1Gi' } },
  },
};

/** Values of the demo chart that render every kind of object there is. */
export const EVERYTHING = {
  networkPolicy: { enabled: true },
  lazypirate: {
    ...VARIANTS['everything for monitoring'],
    ...VARIANTS['a NetworkPolicy'],
    ...VARIANTS['every way of discovery at once'],
  },
};
