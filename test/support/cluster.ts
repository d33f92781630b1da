import type { KubernetesSettings } from '../../src/discovery/discovery-settings.ts';
import { KubernetesDiscovery } from '../../src/discovery/kubernetes/kubernetes.ts';
import { type ApiObject, ApiServer } from './api-server.ts';
import type { Scope } from './program.ts';
import { RealCluster } from './real-cluster.ts';
import { rulesFor } from './roles.ts';
import { Told } from './told.ts';

/** An API server with objects for discovery to find: a test server, or a real one. */
export interface Cluster {
  namespace: string;
  /** The path of its kubeconfig. */
  kubeconfig: string;
  put(resource: 'endpointslices' | 'pods', object: ApiObject): void | Promise<void>;
  delete(resource: 'endpointslices' | 'pods', name: string): void | Promise<void>;
}

/**
 * The cluster of LAZYPIRATE_TEST_KUBECONFIG, with a new namespace, or else a test server. Its kubeconfig has only the permissions
 * of the documented Role.
 */
export async function startCluster(scope: Scope, select: 'service' | 'pods'): Promise<Cluster> {
  const real = process.env['LAZYPIRATE_TEST_KUBECONFIG'];
  if (real) return await RealCluster.start(scope, real, select);
  const server = await ApiServer.start(scope);
  server.rules = rulesFor(select);
  return {
    namespace: server.namespace,
    kubeconfig: server.kubeconfig(scope),
    put: (resource, object) => server.put(resource, object),
    delete: (resource, name) => server.delete(resource, name),
  };
}

/** Runs a discovery against a cluster until the test ends. */
export function discover(
  scope: Scope,
  kubeconfig: string,
  select: KubernetesSettings['select'],
  { zone, port = 'zmq' }: { zone?: string; port?: string | number } = {},
): { told: Told; stop(): Promise<void> } {
  process.env['KUBECONFIG'] = kubeconfig;
  const told = new Told();
  const stopping = new AbortController();
  const discovery = new KubernetesDiscovery({ select, namespace: undefined, port }, zone);
  const running = discovery.run(told, stopping.signal);
  const stop = async () => {
    stopping.abort();
    await running;
  };
  scope.after(stop);
  return { told, stop };
}
