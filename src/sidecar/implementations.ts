import type { Discovery } from '../discovery/discovery.ts';
import type { DiscoverySettings } from '../discovery/discovery-settings.ts';
import { DnsDiscovery } from '../discovery/dns.ts';
import { KubernetesDiscovery } from '../discovery/kubernetes/kubernetes.ts';
import { StaticDiscovery } from '../discovery/static.ts';
import type { RouteSettings } from '../proxy/settings.ts';
import type { Transport } from '../transport/transport.ts';
import { zmtp } from '../transport/zmtp/zmtp-transport.ts';

/* Which implementation of an interface a configuration asks for. */

/** @param zone the zone of this pod, if known */
export function discoveryOf(settings: DiscoverySettings, zone: string | undefined): Discovery {
  switch (settings.kind) {
    case 'static':
      return new StaticDiscovery(settings.endpoints);
    case 'dns':
      return new DnsDiscovery(settings);
    case 'kubernetes':
      return new KubernetesDiscovery(settings, zone);
  }
}

/** libzmq is loaded only if a route needs it, because it takes memory and threads. */
export async function transportOf(name: RouteSettings['transport']): Promise<Transport> {
  return name === 'zmtp' ? zmtp : (await import('../transport/zeromq/zeromq-transport.ts')).libzmq;
}
