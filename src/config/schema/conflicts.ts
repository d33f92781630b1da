import type { z } from 'zod';
import { tcpAddress } from '../../tcp-address.ts';
import { cannotBothListen } from '../values/address.ts';

/* Conflicts between routes, and with the admin doors. */

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

/** Refuses an admin door where a route or the other door listens. */
export function refuseAdminConflict(
  { admin, routes }: { admin: { listen: unknown; inspect: unknown }; routes: readonly Given[] },
  context: z.RefinementCtx,
): void {
  const refuse = (door: string, message: string) =>
    context.addIssue({ code: 'custom', path: ['admin', door], message });
  const [listen, inspect] = [addressOf(admin?.listen), addressOf(admin?.inspect)];
  for (const [door, address] of Object.entries({ listen, inspect })) {
    if (address === undefined || !Array.isArray(routes)) continue;
    const by = listenerAt(address, routes);
    if (by >= 0) refuse(door, taken(address.slice(6), routes, by));
  }
  if (listen !== undefined && inspect !== undefined && cannotBothListen(inspect, listen))
    refuse('inspect', `${inspect.slice(6)} is taken: admin.listen is ${listen.slice(6)}`);
}

/** The address of a door, unless it is off or wrong. */
function addressOf(door: unknown): string | undefined {
  if (typeof door !== 'object' || door === null || !('host' in door && 'port' in door)) return undefined;
  return typeof door.host === 'string' ? tcpAddress(door.host, Number(door.port)) : undefined;
}

function taken(address: unknown, routes: readonly Given[], by: number): string {
  return `${address} is taken: routes[${by}] listens at ${routes[by]?.listen}`;
}

/** The first route whose listener conflicts with this address, or -1. */
function listenerAt(address: unknown, routes: readonly Given[]): number {
  if (typeof address !== 'string') return -1;
  return routes.findIndex((one) => typeof one?.listen === 'string' && cannotBothListen(address, one.listen));
}
