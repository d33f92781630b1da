import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoreV1Api, DiscoveryV1Api, KubeConfig } from '@kubernetes/client-node';
import type { ApiObject } from './api-server.ts';
import type { Cluster } from './cluster.ts';
import type { Scope } from './program.ts';

/** A namespace of its own in a real cluster, which goes with the test. */
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

  static async start(scope: Scope, file: string): Promise<RealCluster> {
    const config = new KubeConfig();
    config.loadFromFile(file);
    const core = config.makeApiClient(CoreV1Api);
    const { metadata } = await core.createNamespace({
      body: { metadata: { generateName: 'lazypirate-test-' } },
    });
    const namespace = metadata?.name ?? '';
    const context = config.getContextObject(config.getCurrentContext());
    if (context !== null) Object.assign(context, { namespace });
    const directory = mkdtempSync(join(tmpdir(), 'lazypirate-'));
    const kubeconfig = join(directory, 'config');
    writeFileSync(kubeconfig, config.exportConfig(), { mode: 0o600 });
    scope.after(async () => {
      await core.deleteNamespace({ name: namespace });
      rmSync(directory, { recursive: true });
    });
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

  /** What a kubelet would say of it is said in its place. */
  async #putPod(object: ApiObject): Promise<void> {
    const { namespace } = this;
    const { name } = object.metadata;
    const body = { ...object, apiVersion: 'v1', kind: 'Pod' } as never;
    const known = await this.#core.readNamespacedPod({ namespace, name }).catch(() => undefined);
    if (known === undefined) await this.#core.createNamespacedPod({ namespace, body });
    const { status } = object as unknown as { status: object };
    const current = await this.#core.readNamespacedPod({ namespace, name });
    await this.#core.replaceNamespacedPodStatus({ namespace, name, body: { ...current, status } as never });
  }
}
