import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CoreV1Api, DiscoveryV1Api, KubeConfig, RbacAuthorizationV1Api } from '@kubernetes/client-node';
import type { ApiObject } from './api-server.ts';
import type { Cluster } from './cluster.ts';
import type { Scope } from './program.ts';
import { rulesFor } from './roles.ts';
import { scratch } from './scratch.ts';

/** The ServiceAccount that the tests make. */
const ACCOUNT = 'lazypirate';

/** A new namespace in a real cluster, removed with the test. */
export class RealCluster implements Cluster {
  readonly namespace: string;
  readonly kubeconfig: string;
  readonly #slices: DiscoveryV1Api;
  readonly #core: CoreV1Api;

  private constructor(config: KubeConfig, namespace: string, kubeconfig: string) {
    this.namespace = namespace;
    this.kubeconfig = kubeconfig;
    this.#slices = config.makeApiClient(DiscoveryV1Api);
    this.#core = config.makeApiClient(CoreV1Api);
  }

  static async start(scope: Scope, file: string, select: 'service' | 'pods'): Promise<RealCluster> {
    const config = new KubeConfig();
    config.loadFromFile(file);
    const core = config.makeApiClient(CoreV1Api);
    const { metadata } = await core.createNamespace({
      body: { metadata: { generateName: 'lazypirate-test-' } },
    });
    const namespace = metadata?.name ?? '';
    const kubeconfig = join(scratch(), 'config');
    const token = await tokenWith(config, namespace, select);
    const [name, cluster] = ['lazypirate', config.getCurrentCluster()];
    const limited = new KubeConfig();
    limited.loadFromOptions({
      clusters: [cluster],
      users: [{ name, token }],
      contexts: [{ name, cluster: cluster?.name, user: name, namespace }],
      currentContext: name,
    });
    writeFileSync(kubeconfig, limited.exportConfig(), { mode: 0o600 });
    scope.after(() => core.deleteNamespace({ name: namespace }));
    return new RealCluster(config, namespace, kubeconfig);
  }

  async put(resource: 'endpointslices' | 'pods', object: ApiObject): Promise<void> {
    const { namespace } = this;
    const { name } = object.metadata;
    if (resource === 'pods') return await this.#putPod(object);
    const body = { ...object, apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' } as never;
    try {
      await this.#slices.replaceNamespacedEndpointSlice({ namespace, name, body });
    } catch {
      await this.#slices.createNamespacedEndpointSlice({ namespace, body });
    }
  }

  async delete(resource: 'endpointslices' | 'pods', name: string): Promise<void> {
    const { namespace } = this;
    if (resource === 'pods') await this.#core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 });
    else await this.#slices.deleteNamespacedEndpointSlice({ namespace, name });
  }

  /** Sets the status that a kubelet would set. */
  async #putPod(object: ApiObject): Promise<void> {
    const { namespace } = this;
    const { name } = object.metadata;
    // No scheduler takes the pod, so no kubelet overwrites its status. The account `default` may not be there yet: a controller
    // makes it some time after the namespace.
    const extra = { schedulerName: 'nobody', serviceAccountName: ACCOUNT };
    const spec = { ...(object['spec'] as object), ...extra };
    const body = { ...object, spec, apiVersion: 'v1', kind: 'Pod' } as never;
    const known = await this.#core.readNamespacedPod({ namespace, name }).catch(() => undefined);
    if (known === undefined) await this.#core.createNamespacedPod({ namespace, body });
    const { status } = object as unknown as { status: object };
    const current = await this.#core.readNamespacedPod({ namespace, name });
    await this.#core.replaceNamespacedPodStatus({ namespace, name, body: { ...current, status } as never });
  }
}

/** A token of a ServiceAccount with only the documented Role. */
async function tokenWith(config: KubeConfig, namespace: string, select: 'service' | 'pods'): Promise<string> {
  const core = config.makeApiClient(CoreV1Api);
  const rbac = config.makeApiClient(RbacAuthorizationV1Api);
  const name = ACCOUNT;
  const metadata = { name };
  await core.createNamespacedServiceAccount({ namespace, body: { metadata } });
  await rbac.createNamespacedRole({ namespace, body: { metadata, rules: rulesFor(select) } });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
  const subjects = [{ kind: 'ServiceAccount', name, namespace }];
  await rbac.createNamespacedRoleBinding({ namespace, body: { metadata, roleRef, subjects } });
  const body = { spec: { audiences: [], expirationSeconds: 600 } };
  const { status } = await core.createNamespacedServiceAccountToken({ name, namespace, body });
  return status?.token ?? '';
}
