import type { RouteSettings } from '../proxy/settings.ts';

/** How another list of endpoints differs from the one before, for the log. */
export interface EndpointChanges {
  route: string;
  added: string[];
  removed: string[];
}

/** A log line is to stay readable. */
const ADDRESSES_MOST = 20;

/** Compares the endpoints that two configurations of a route list. Empty if they are the same, or if they are not listed. */
export function endpointChanges(before: RouteSettings, after: RouteSettings): EndpointChanges[] {
  const [old, fresh] = [before.upstream.discovery, after.upstream.discovery];
  if (old.kind !== 'static' || fresh.kind !== 'static') return [];
  const added = without(fresh.endpoints, old.endpoints);
  const removed = without(old.endpoints, fresh.endpoints);
  return added.length + removed.length === 0 ? [] : [{ route: after.name, added, removed }];
}

function without(addresses: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others);
  const rest = addresses.filter((one) => !known.has(one));
  const more = rest.length - ADDRESSES_MOST;
  return more > 0 ? [...rest.slice(0, ADDRESSES_MOST), `and ${more} more`] : rest;
}
