import type { z } from 'zod';
import { tcpAddress } from '../../tcp-address.ts';
import { cannotBothListen } from '../values/address.ts';

/* Conflicts between routes, and between routes and the admin port. */

/** A route as it was given. Other checks report what is wrong with it. */
type Given = { name?: unknown; listen?: unknown } | null | undefined;

/** Refuses a name or listener that two routes share. The problem is reported at the second route. */
export function refuseConflicts(routes: readonly Given[], context: z.RefinementCtx): void {
  if (!Array.isArray(routes)) return;
  for (const [index, route] of routes.entries()) {
    const { name, listen } = route ?? {};
    const refuse = (key: string, message: string) =>
      context.addIssue({ code: 'custom', path: [index, key], message });
    const namesake = typeof name === 'string' ? routes.findIndex((one) => one?.name === name) : index;
    if (namesake < index) refuse('name', `${name} is also the name of routes[${namesake}]`);
    const first = listenerAt(listen, routes);
    if (first >= 0 && first < index) refuse('listen', taken(listen, routes, first));
  }
}

/** Refuses an admin port on which a route listens. */
export function refuseAdminConflict(
  { admin, routes }: { admin: { listen: { host: unknown; port: unknown } }; routes: readonly Given[] },
  context: z.RefinementCtx,
): void {
  const { host, port } = admin?.listen ?? {};
  if (typeof host !== 'string' || !Array.isArray(routes)) return;
  const address = tcpAddress(host, Number(port));
  const by = listenerAt(address, routes);
  if (by < 0) return;
  context.addIssue({
    code: 'custom',
    path: ['admin', 'listen'],
    message: taken(address.slice(6), routes, by),
  });
}

function taken(address: unknown, routes: readonly Given[], by: number): string {
  return `${address} is taken: routes[${by}] listens at ${routes[by]?.listen}`;
}

/** The first route whose listener conflicts with this address, or -1. */
function listenerAt(address: unknown, routes: readonly Given[]): number {
  if (typeof address !== 'string') return -1;
  return routes.findIndex((one) => typeof one?.listen === 'string' && cannotBothListen(address, one.listen));
}
