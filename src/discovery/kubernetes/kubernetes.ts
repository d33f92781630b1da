import { FamilyChoice, ownFamilies } from '../address-family.ts';
import type { Discovery, DiscoveryOwner } from '../discovery.ts';
import type { KubernetesSettings } from '../discovery-settings.ts';
import { lookupUntil } from '../name-lookup.ts';
import { type EndpointSlice, endpointsOf, whyNoEndpoints } from './endpoint-slices.ts';
import { type Api, KubernetesResource } from './kubernetes-resource.ts';
import { type PodState, podState, whyNoPod } from './pods.ts';
import { Watcher } from './watcher.ts';

/**
 * Asks the API server of the cluster: in a pod with its service account, elsewhere with the current kubeconfig. The client is
 * loaded only here, and only when needed: all of it costs over 80 MB.
 */
export class KubernetesDiscovery implements Discovery {
  readonly isFixed = false;
  readonly #settings: KubernetesSettings;
  readonly #zone: string | undefined;

  /** @param zone the zone of this pod, if known */
  constructor(settings: KubernetesSettings, zone: string | undefined) {
    this.#settings = settings;
    this.#zone = zone;
  }

  async run(owner: DiscoveryOwner, signal: AbortSignal): Promise<void> {
    const client = await import('./kubernetes-client.ts');
    const { select } = this.#settings;
    const api = { client, newConfig: () => new client.ApiConfig(lookupUntil(signal)) };
    const watcher =
      select.kind === 'service'
        ? this.#slices(api, owner, select.name)
        : this.#pods(api, owner, select.selector);
    await watcher.run(signal);
  }

  #slices(api: Api, owner: DiscoveryOwner, name: string): Watcher<EndpointSlice> {
    const { port } = this.#settings;
    const resource = new KubernetesResource(api, this.#settings.namespace, {
      api: 'apis/discovery.k8s.io/v1',
      name: 'endpointslices',
      labelSelector: `kubernetes.io/service-name=${name}`,
    });
    const families = new FamilyChoice();
    return new Watcher(
      resource,
      (slice) => slice,
      owner,
      (objects) => {
        const slices = [...objects];
        const found = endpointsOf(slices, port, this.#zone, families);
        if ('waitMs' in found) return found.waitMs;
        const { namespace } = resource;
        owner.found(
          found,
          found.length === 0 ? whyNoEndpoints(slices, port, { name, namespace }) : undefined,
        );
        return undefined;
      },
    );
  }

  #pods(api: Api, owner: DiscoveryOwner, labelSelector: string): Watcher<PodState> {
    const { port, namespace } = this.#settings;
    const resource = new KubernetesResource(api, namespace, {
      api: 'api/v1',
      name: 'pods',
      labelSelector,
    });
    const own = ownFamilies();
    return new Watcher(
      resource,
      // Pods are large: keep only this.
      (pod) => podState(pod, port, own),
      owner,
      (objects) => {
        const states = [...objects];
        const ready = states.flatMap((one) => (one.kind === 'ready' ? [one.endpoint] : []));
        const found = [...new Map(ready.map((one) => [one.address, one])).values()];
        const of = { name: labelSelector, namespace: resource.namespace };
        owner.found(found, found.length === 0 ? whyNoPod(states, port, of) : undefined);
        return undefined;
      },
    );
  }
}
