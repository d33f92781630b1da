import type { RequestRecord } from '../record.ts';
import type { StatusPage } from '../status-page.ts';
import { attemptReasons } from './attempt-reasons.ts';
import { clientReasons } from './client-reasons.ts';
import { discoveryReasons } from './discovery-reasons.ts';
import { endpointReasons } from './endpoint-reasons.ts';
import { loadReasons } from './load-reasons.ts';
import type { Explanation, Reason, Severity } from './reason.ts';
import { type RouteView, routeView } from './route-view.ts';
import { sidecarReasons } from './sidecar-reasons.ts';
import { verdict } from './verdict.ts';
import { clock, length } from './words.ts';

const SEVERITIES: readonly Severity[] = ['broken', 'degraded', 'note'];

/**
 * Says what is wrong now, and why. Pure.
 *
 * @param records of failed and slow requests, the newest first
 */
export function explain(status: StatusPage, records: readonly RequestRecord[], now: Date): Explanation {
  const views = status.routes.map((route) => routeView(route, records, status.uptimeMs, now));
  // From the cause to what follows from it: this order is kept within a severity.
  const reasons = [
    ...views.flatMap(causes),
    ...sidecarReasons(status, now),
    ...views.flatMap((view) => [...clientReasons(view), ...lastFailure(view)]),
  ].toSorted((one, other) => SEVERITIES.indexOf(one.severity) - SEVERITIES.indexOf(other.severity));
  return { at: now.toISOString(), verdict: verdict(status, views, reasons), reasons };
}

/** Where to read what happened to one of them. */
function lastFailure({ route, records, now, failed }: RouteView): Reason[] {
  const last = failed === 0 ? undefined : records.find(({ outcome }) => outcome !== 'ok');
  if (last === undefined) return [];
  const { id, at, elapsedMs, outcome, cause } = last;
  const what = outcome === 'client_gone' ? `its app had left (${cause})` : outcome.toUpperCase();
  const text = `The last request that failed came at ${clock(new Date(at), now)}: ${what} after ${length(elapsedMs)}.`;
  const advice = `\`lazypirate explain ${id}\` tells what happened to it.`;
  return [{ route: route.name, severity: 'note', text, evidence: [], advice }];
}

function causes(view: RouteView): Reason[] {
  return [...discoveryReasons(view), ...endpointReasons(view), ...attemptReasons(view), ...loadReasons(view)];
}
